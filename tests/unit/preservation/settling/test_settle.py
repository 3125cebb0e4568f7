"""When several looks at a drop say that it is complete, and what is said while they do not."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest
from support.inboxes import a_look, answers, terms
from support.surveys import drop

from preservation.settling import look
from preservation.settling.look import judge, look_at
from preservation.settling.settle import Moment, Questions, Seen, Settled, Unsettled, WaitingFor, settle
from preservation.settling.tally import Look
from preservation.settling.terms import SettlingTerms
from preservation.settling.writing import HeldOpen

QUIET = terms("settle = 30")


class Watch:
    """Somebody who looks at a drop again and again."""

    def __init__(self, policy: SettlingTerms = QUIET) -> None:
        self.policy = policy
        self.seen: Seen | None = None
        self.moment = 1_000.0

    def look(self, found: Look, *, after: float = 0.0, asked: Questions | None = None) -> Settled | Unsettled:
        self.moment += after
        standing = settle(self.seen, found, self.policy, Moment(self.moment), asked or answers())
        self.seen = standing.seen
        return standing

    def wait(self, found: Look, seconds: float, asked: Questions | None = None) -> Settled | Unsettled:
        """Look once a second."""
        for _ in range(int(seconds) - 1):
            self.look(found, after=1, asked=asked)
        return self.look(found, after=1, asked=asked)


def unsettled(standing: Settled | Unsettled) -> Unsettled:
    assert isinstance(standing, Unsettled), "it should wait"
    return standing


def test_a_drop_is_settled_once_nothing_changed_for_the_quiet_time_and_not_before():
    watch = Watch()
    watch.look(a_look())
    assert unsettled(watch.wait(a_look(), 29)).sentence == (
        "waiting: 3 files, 3.0 kB, unchanged for 29 of 30 seconds"
    )
    assert isinstance(watch.wait(a_look(), 1), Settled)


def test_a_change_begins_the_quiet_time_anew_and_says_that_it_grows():
    watch = Watch()
    watch.look(a_look(1, files=100))
    watch.wait(a_look(1, files=100), 10)
    growing = unsettled(watch.look(a_look(2, files=312, size=4_100_000_000), after=1))
    assert growing.sentence == "waiting: 312 files, 4.1 GB, still growing"
    assert growing.reason is WaitingFor.GROWTH
    assert isinstance(watch.wait(a_look(2), 29), Unsettled)
    assert isinstance(watch.wait(a_look(2), 1), Settled)


def test_what_shrinks_or_is_renamed_is_said_to_change():
    watch = Watch()
    watch.look(a_look(1, files=2))
    assert unsettled(watch.look(a_look(2, files=1), after=1)).sentence.endswith("still changing")


def test_a_pause_that_was_none_for_good_makes_us_wait_twice_as_long():
    watch = Watch()
    watch.look(a_look(1))
    watch.wait(a_look(1), 24)
    watch.look(a_look(2), after=1)
    assert isinstance(watch.wait(a_look(2), 49), Unsettled)
    assert isinstance(watch.wait(a_look(2), 1), Settled)


def test_the_quiet_that_is_asked_is_never_more_than_ten_times_that_of_the_policy():
    watch = Watch()
    growing = answers(held="a.tif")
    watch.look(a_look(1))
    watch.wait(a_look(1), 1_000, growing)
    watch.look(a_look(2), after=1)
    assert isinstance(watch.wait(a_look(2), 299), Unsettled)
    assert isinstance(watch.wait(a_look(2), 1), Settled)


def test_a_folder_that_stood_empty_did_not_pause():
    watch = Watch()
    watch.look(a_look(1, files=0, size=0, has_content=False))
    watch.wait(a_look(1, files=0, size=0, has_content=False), 600)
    watch.look(a_look(2), after=1)
    assert isinstance(watch.wait(a_look(2), 30), Settled)


def test_time_in_which_nobody_looked_counts_for_little():
    watch = Watch()
    watch.look(a_look())
    assert isinstance(watch.look(a_look(), after=86_400), Unsettled), "the machine was suspended"
    assert isinstance(watch.look(a_look(), after=86_400), Settled)


def test_a_moment_before_the_last_one_is_no_quiet():
    watch = Watch()
    watch.look(a_look())
    watch.wait(a_look(), 20)
    assert isinstance(watch.look(a_look(), after=-5_000), Unsettled)
    assert isinstance(watch.wait(a_look(), 9), Unsettled)
    assert isinstance(watch.wait(a_look(), 1), Settled)


def test_who_looks_again_when_told_to_finds_it_settled_on_time():
    watch = Watch()
    standing = watch.look(a_look())
    while isinstance(standing, Unsettled):
        assert standing.look_again is not None
        standing = watch.look(a_look(), after=standing.look_again)
    assert watch.moment == 1_030.0


def test_a_temporary_name_is_waited_for_and_named():
    watch = Watch()
    found = a_look(temporary="page-012.tif.part")
    first = unsettled(watch.look(found))
    assert first.sentence == "waiting: page-012.tif.part is still being written"
    assert first.reason is WaitingFor.RENAMING
    left = unsettled(watch.wait(found, 30))
    assert left.look_again is None
    assert left.sentence == (
        "waiting: page-012.tif.part was left unfinished; finish the copy, or take it away"
    )
    watch.look(a_look(2), after=1)
    assert isinstance(watch.wait(a_look(2), 62), Settled)


def test_several_temporary_names_are_counted():
    found = a_look(temporary="a\u202e.part", temporaries=1_002)
    assert unsettled(Watch().look(found)).sentence == (
        "waiting: a\\u202e.part and 1,001 more are still being written"
    )


def test_an_empty_folder_waits_until_something_is_put_into_it():
    watch = Watch()
    empty = a_look(files=0, size=0, has_content=False)
    watch.look(empty)
    standing = unsettled(watch.wait(empty, 100))
    assert (standing.reason, standing.look_again) == (WaitingFor.CONTENT, None)
    assert standing.sentence == "waiting: there is nothing in it yet"


def test_a_drop_that_cannot_be_listed_waits_and_its_quiet_begins_anew():
    watch = Watch()
    watch.look(a_look())
    watch.wait(a_look(), 29)
    standing = unsettled(watch.look(a_look(0, files=0, fault="Input/output error"), after=1))
    assert standing.reason is WaitingFor.ACCESS
    assert "Input/output error" in standing.sentence
    assert isinstance(watch.wait(a_look(), 29), Unsettled)
    assert isinstance(watch.wait(a_look(), 1), Settled)


def test_a_file_that_is_open_for_writing_is_waited_for_and_named():
    watch = Watch()
    watch.look(a_look())
    standing = unsettled(watch.wait(a_look(), 100, answers(held="page-012.tif")))
    assert standing.reason is WaitingFor.WRITER
    assert standing.sentence == "waiting: page-012.tif is still open in a program that writes to it"
    assert isinstance(watch.wait(a_look(), 1), Settled)


def test_nothing_is_asked_of_the_machine_before_all_else_speaks_for_the_drop():
    def unexpected() -> str:
        raise AssertionError("asked too early")

    watch = Watch(terms('complete_when = "manifest"'))
    watch.look(a_look(manifests=1))
    watch.wait(a_look(manifests=1), 29, Questions(unexpected, unexpected))  # type: ignore[arg-type]


def test_a_sentinel_is_waited_for_by_name_and_ends_all_doubt_about_pauses(tmp_path: Path):
    policy = terms('complete_when = "sentinel"')
    watch = Watch(policy)
    drop(tmp_path, {"d/a.tif": b"12345"})

    def found() -> Look:
        look = look_at(tmp_path / "d", policy)
        assert look is not None
        return look

    watch.look(found())
    waiting = unsettled(watch.wait(found(), 3_600))
    assert waiting.sentence == "waiting for .done or .ready (1 file, 5 bytes so far)"
    assert (waiting.reason, waiting.look_again) == (WaitingFor.SENTINEL, None)

    (tmp_path / "d.ready").touch()
    settled = watch.look(found(), after=1)
    assert isinstance(settled, Settled)
    assert settled.sentinels == (tmp_path / "d.ready",)


def test_a_sentinel_that_came_too_early_settles_nothing(tmp_path: Path):
    policy = terms('complete_when = "sentinel"')
    watch = Watch(policy)
    drop(tmp_path, {"d/.done": b"", "d/a.tif": b"1"})
    for size in range(2, 200):
        (tmp_path / "d/a.tif").write_bytes(b"1" * size)
        look = look_at(tmp_path / "d", policy)
        assert look is not None
        assert isinstance(watch.look(look, after=10), Unsettled)


def test_a_single_file_is_told_the_name_of_its_own_sentinel(tmp_path: Path):
    policy = terms('complete_when = "sentinel"', 'sentinels = [".done", "ok"]')
    watch = Watch(policy)
    drop(tmp_path, {"plate.tif": b"1"})
    look = look_at(tmp_path / "plate.tif", policy)
    assert look is not None
    watch.look(look)
    assert unsettled(watch.wait(look, 30)).sentence == (
        "waiting for plate.tif.done or plate.tif.ok (1 file, 1 byte so far)"
    )


def test_metadata_is_waited_for_in_folders_only():
    policy = terms('complete_when = "metadata"')
    watch = Watch(policy)
    watch.look(a_look())
    assert unsettled(watch.wait(a_look(), 30)).sentence == (
        "waiting for mets.xml or *.csv (3 files, 3.0 kB so far)"
    )
    for found in (a_look(metadata=1), a_look(is_folder=False)):
        other = Watch(policy)
        other.look(found)
        assert isinstance(other.wait(found, 30), Settled)


def test_a_manifest_is_waited_for_and_what_it_lacks_is_asked_once_until_something_changes():
    asked = []

    def lacking() -> str:
        asked.append(1)
        return "for a.tif, which m.md5 names"

    questions = Questions(lacking, lambda: None)
    watch = Watch(terms('complete_when = "manifest"'))
    watch.look(a_look())
    assert unsettled(watch.wait(a_look(), 30)).sentence == "waiting for a manifest (3 files, 3.0 kB so far)"
    watch.look(a_look(2, manifests=1), after=1)
    standing = unsettled(watch.wait(a_look(2, manifests=1), 200, questions))
    assert standing.sentence == "waiting for a.tif, which m.md5 names (3 files, 3.0 kB so far)"
    assert len(asked) == 1
    watch.look(a_look(3, manifests=1), after=1)
    assert isinstance(watch.wait(a_look(3, manifests=1), 300), Settled)


def test_what_is_remembered_of_a_drop_is_small_and_can_be_carried():
    watch = Watch()
    watch.look(a_look(signature=1 << 127))
    watch.wait(a_look(signature=1 << 127), 10)
    assert watch.seen == Seen(watch.seen.signature, 3, 3_000, Moment(1_010.0), quiet=10.0)  # type: ignore[union-attr]


def test_a_manifest_that_cannot_be_read_just_now_is_read_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    policy = terms('complete_when = "manifest"')
    drop(tmp_path / "d", {"a.tif": b"12345", "sums.md5": b"827ccb0eea8a706c4c34a16891f84e7b  a.tif\n"})

    def after(seconds: range, seen: Seen | None) -> Settled | Unsettled:
        for second in seconds:
            standing = judge(tmp_path / "d", seen, policy, Moment(second), lambda: HeldOpen(frozenset(), 0))
            assert standing is not None
            seen = standing.seen
        return standing

    def stalled(_drop: Path) -> str:
        raise OSError(errno.EIO, "Input/output error")

    with monkeypatch.context() as share:
        share.setattr(look, "what_is_lacking", stalled)
        waiting = unsettled(after(range(31), None))
    assert waiting.reason is WaitingFor.ACCESS
    assert "Input/output error" in waiting.sentence
    assert waiting.look_again is not None
    assert isinstance(after(range(31, 61), waiting.seen), Settled)


def test_a_file_that_is_written_and_closed_between_the_look_and_the_question_who_writes_is_seen(
    tmp_path: Path,
):
    drop(tmp_path / "d", {"a.tif": b"12345"})

    def asked_too_late() -> HeldOpen:
        (tmp_path / "d/a.tif").write_bytes(b"the rest, at once")
        return HeldOpen(frozenset(), 0)

    seen: Seen | None = None
    standing: Settled | Unsettled | None = None
    for second in range(31):
        standing = judge(tmp_path / "d", seen, QUIET, Moment(second), asked_too_late)
        assert standing is not None
        seen = standing.seen
    assert isinstance(standing, Unsettled)
    assert standing.seen.quiet == 0


@pytest.mark.parametrize("mode", ["quiet", "sentinel", "manifest", "metadata"])
def test_a_real_drop_is_judged_by_all_that_is_asked(tmp_path: Path, mode: str):
    policy = terms(f'complete_when = "{mode}"')
    files = {"a.tif": b"12345", ".done": b"", "mets.xml": b"<mets/>"}
    drop(tmp_path / "d", {**files, "sums.md5": b"827ccb0eea8a706c4c34a16891f84e7b  a.tif\n"})
    seen: Seen | None = None
    standing: Settled | Unsettled | None = None
    for second in range(31):
        standing = judge(tmp_path / "d", seen, policy, Moment(second), lambda: HeldOpen(frozenset(), 0))
        assert standing is not None
        seen = standing.seen
    assert isinstance(standing, Settled)
    assert judge(tmp_path / "no", None, policy, Moment(0), lambda: HeldOpen(frozenset(), 0)) is None
