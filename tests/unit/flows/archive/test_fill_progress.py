"""How far filling stores is, in one line."""

from __future__ import annotations

from flows.archive.fill_progress import FillProgress
from preservation.model.identifiers import StoreName
from storage.replication.progress import Progress, Step

SECOND = StoreName("second")


class Clock:
    """A clock that a test sets."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_bytes_that_are_written_and_not_read_back_yet_count_half():
    clock = Clock()
    progress = FillProgress(clock=clock)
    for _ in range(2):
        progress.expect(1000)
    clock.now = 10.0
    progress.listen(Progress(SECOND, Step.WRITING, 1, 1000))
    assert progress.line() == "filling: 25%, 0 of 2 replicas, 500 bytes, 50 bytes/s, about 30 s left"
    progress.listen(Progress(SECOND, Step.READING_BACK, 1, 1000))
    progress.end(1000)
    assert progress.line() == "filling: 50%, 1 of 2 replicas, 1.0 kB, 100 bytes/s, about 10 s left"
    progress.end(1000)
    assert progress.line() == "filling: 100%, 2 of 2 replicas, 2.0 kB, 200 bytes/s"


def test_the_share_is_that_of_the_budget_where_it_is_less_than_is_missing():
    clock = Clock()
    progress = FillProgress(500, clock)
    progress.expect(1000)
    clock.now = 1.0
    progress.end(250)
    assert progress.line().startswith("filling: 50%, 1 of 1 replica, ")


def test_of_nothing_there_is_no_share():
    assert FillProgress(clock=Clock()).line().startswith("filling: 0%, 0 of 0 replicas, ")
