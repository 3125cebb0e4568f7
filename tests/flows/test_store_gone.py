"""A store that is away: it is waited for, and then told by its name; the next run goes on where it was."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from services import ceph
from services.bad_lines import Exchange, Line, LineBrokenError, line_to
from services.buckets import new_address, speak_as_the_archive
from services.failing_prefect import at_stage
from support.archives import Archive
from support.bucket_archives import fetched, put_second_store_into
from support.command_runs import near
from support.flow_runs import preserved

from flows.inboxes.run import _waits_of
from flows.installation.machine_settings import RetrySettings
from preservation.bagit.validation import validate
from preservation.model.verdicts import Verdict
from storage.stores.s3.bucket import BucketAddress

FILES = 20


@pytest.fixture
def pages(tmp_path: Path) -> Path:
    """A drop of so many files that some of them are there when the store goes."""
    drop = tmp_path / "drops" / "pages"
    drop.mkdir(parents=True)
    for number in range(FILES):
        (drop / f"page {number:02d}.txt").write_text(f"Page {number}\n" * 500)
    return drop


@pytest.fixture
def address() -> BucketAddress:
    speak_as_the_archive()
    return new_address()


def into_bucket(installation: Archive, address: BucketAddress, url: str) -> Archive:
    """Make a bucket, behind another address, the second store."""
    put_second_store_into(installation, replace(address, endpoint_url=url))
    return installation


def require_kept(installation: Archive, address: BucketAddress, folder: Path, drop: Path) -> None:
    in_bucket = {
        str(path.relative_to(folder)): path.read_bytes()
        for path in fetched(address, folder).rglob("*")
        if path.is_file() and not path.relative_to(folder).parts[0].startswith("_")
    }
    assert in_bucket == installation.kept("first")
    originals = {Path(key).name: content for key, content in in_bucket.items() if "/data/originals/" in key}
    assert originals == {path.name: path.read_bytes() for path in drop.iterdir()}
    assert validate(folder / "files" / "pages" / "v1").valid
    assert near(installation).run("journal", "verify").returncode == 0


@dataclass
class Outage:
    """Counts what is created over a line, and cuts it after so many, until ``over``."""

    line: Line
    after: int
    over: bool = False
    created: int = 0

    def asked(self, exchange: Exchange) -> bool:
        if not self.over and self.created >= self.after:
            raise LineBrokenError
        self.created += exchange.method == "PUT" and "/data/originals/" in exchange.path
        return False


@pytest.fixture
def outage(address: BucketAddress) -> Iterator[Outage]:
    assert address.endpoint_url is not None
    with line_to(address.endpoint_url) as line:
        outage = Outage(line, after=FILES // 2)
        line.asked = outage.asked
        yield outage


def test_a_bucket_that_goes_midway_and_comes_back_is_waited_for(
    installation: Archive, address: BucketAddress, outage: Outage, pages: Path, tmp_path: Path
):
    archive = into_bucket(installation, address, outage.line.url)
    tries: list[int] = []

    def back_at_the_second() -> None:
        tries.append(outage.created)
        outage.over = len(tries) > 1

    with at_stage("replicate", back_at_the_second):
        told = preserved(archive, pages)
    assert told.ending.verdict is Verdict.STORED, told.ending
    assert len(tries) == 2
    assert 0 < tries[1] < FILES
    # What was there before the line broke was not sent again.
    assert outage.created == FILES
    require_kept(archive, address, tmp_path / "fetched", pages)


def test_a_bucket_that_stays_away_interrupts_and_the_next_run_sends_what_is_missing(
    installation: Archive, address: BucketAddress, outage: Outage, pages: Path, tmp_path: Path
):
    archive = into_bucket(installation, address, outage.line.url)
    told = preserved(archive, pages)
    assert told.ending.verdict is Verdict.INTERRUPTED, told.ending
    assert told.ending.sentence.startswith(
        "store second: cannot look at files/pages/v1/tagmanifest-sha256.txt: "
    )
    assert "endpoint_url leads to it" in told.ending.sentence
    kept = {path: path.stat().st_ino for path in archive.store("first").glob("files/**/*")}
    assert kept
    outage.over, before = True, outage.created
    assert before < FILES
    assert preserved(archive, pages).ending.verdict is Verdict.STORED
    assert outage.created == FILES
    assert {path: path.stat().st_ino for path in archive.store("first").glob("files/**/*")} == kept
    require_kept(archive, address, tmp_path / "fetched", pages)


def test_a_service_that_is_killed_midway_interrupts_and_once_it_runs_again_the_next_run_goes_on(
    installation: Archive, address: BucketAddress, pages: Path, tmp_path: Path
):
    with ceph.mortal_gateway() as service, line_to(service.url) as line:
        archive = into_bucket(installation, address, line.url)
        killing = Outage(line, after=FILES // 2)

        def killed(exchange: Exchange) -> bool:
            if not killing.over and killing.created == killing.after:
                killing.over = True
                service.kill()
            return killing.asked(exchange)

        line.asked = killed
        told = preserved(archive, pages)
        assert told.ending.verdict is Verdict.INTERRUPTED, told.ending
        assert "store second" in told.ending.sentence
        service.start()
        assert preserved(archive, pages).ending.verdict is Verdict.STORED
        require_kept(archive, address, tmp_path / "fetched", pages)


def test_a_store_that_is_away_while_a_version_is_planned_is_waited_for(installation: Archive, pages: Path):
    assert preserved(installation, pages).ending.verdict is Verdict.STORED
    away, back = taking_away(installation.store("second"))
    (pages / "one more.txt").write_text("One more\n")
    tries: list[str] = []

    def away_for_a_while() -> None:
        tries.append("package")
        (away if len(tries) == 1 else back)()

    with at_stage("package", away_for_a_while):
        told = preserved(installation, pages)
    assert told.ending.verdict is Verdict.STORED, told.ending
    assert len(tries) == 2
    assert told.ending.package is not None
    assert f"{FILES} had been kept before" in told.ending.sentence
    assert installation.kept("first") == installation.kept("second")


def test_a_store_that_stays_away_while_a_version_is_planned_interrupts_and_is_named(
    installation: Archive, pages: Path
):
    assert preserved(installation, pages).ending.verdict is Verdict.STORED
    away, back = taking_away(installation.store("second"))
    (pages / "one more.txt").write_text("One more\n")
    before = installation.kept("first")
    with at_stage("package", away):
        told = preserved(installation, pages)
    assert told.ending.verdict is Verdict.INTERRUPTED, told.ending
    assert "store second" in told.ending.sentence
    assert "mount its disk" in told.ending.sentence
    assert installation.kept("first") == before
    back()
    told = preserved(installation, pages)
    assert told.ending.verdict is Verdict.STORED, told.ending
    assert f"{FILES} had been kept before" in told.ending.sentence
    assert installation.kept("first") == installation.kept("second")


def test_planning_a_version_waits_for_stores_as_long_as_writing_to_them():
    retries = RetrySettings(stores=(7,), database=(5,), local_work=(3,))
    waits = {stage: _waits_of(stage, retries) for stage in ("plan", "package", "replicate")}
    assert waits == dict.fromkeys(waits, (7,))


def taking_away(store: Path) -> tuple[Callable[[], None], Callable[[], None]]:
    """Return what takes a folder store away, once, and what brings it back."""
    aside = store.with_name("aside")

    def away() -> None:
        if store.exists():
            store.rename(aside)

    def back() -> None:
        if aside.exists():
            aside.rename(store)

    return away, back
