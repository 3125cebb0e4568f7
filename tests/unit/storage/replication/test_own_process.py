"""Stores that are kept by processes of their own: the same outcomes, and nothing left of them."""

from __future__ import annotations

import errno
import os
import signal
import threading
import time
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from itertools import groupby
from operator import attrgetter
from pathlib import Path

import pytest
from support.store_peers import folder_store
from support.versions import Room

from preservation.model.identifiers import StoreName
from preservation.packaging.planned import PlannedBag
from storage.ports.stores import SiteName
from storage.replication import replicate as replication
from storage.replication.outcomes import AtFault, Failed, Mismatch, Stored, Verified
from storage.replication.own_process import written_in_own_process
from storage.replication.plan_outline import outline_of
from storage.replication.progress import Progress, Step
from storage.replication.replica_writer import ReplicaWriter
from storage.replication.replicate import replicate
from storage.stores.folder.store import FolderStore

NOW = datetime(2026, 11, 21, 10, 30, tzinfo=UTC)


@pytest.fixture
def store(tmp_path: Path) -> FolderStore:
    return folder_store(tmp_path / "store")


@pytest.fixture
def planned(tmp_path: Path) -> PlannedBag:
    bag, _, _ = Room(tmp_path).plan({f"{number:03}.txt": b"%d" % number for number in range(40)}, 1)
    return bag


def writer(planned: PlannedBag, store: FolderStore) -> ReplicaWriter:
    return ReplicaWriter(outline_of(planned), store, None, 2, lambda: NOW, None)


def source_of(planned: PlannedBag, ending: str) -> Path:
    return next(entry.source for entry in planned.entries if entry.path.endswith(ending))


def test_what_is_kept_apart_is_what_is_kept_here(planned: PlannedBag, store: FolderStore, tmp_path: Path):
    elsewhere = folder_store(tmp_path / "elsewhere")
    apart, here = written_in_own_process(writer(planned, store)), writer(planned, elsewhere).write()
    assert isinstance(apart, Verified)
    assert isinstance(here, Verified)
    assert apart.replica == replace(here.replica, location=apart.replica.location)
    assert list(store.list()) == list(elsewhere.list())


def test_progress_is_told_here(planned: PlannedBag, store: FolderStore):
    told: list[Progress] = []
    written_in_own_process(replace(writer(planned, store), progress=told.append))
    files = outline_of(planned).files
    # What is slow is reported in between as well.
    ends = [list(reports)[-1] for _, reports in groupby(told, attrgetter("step"))]
    assert [(one.step, one.files) for one in ends] == [
        (Step.WRITING, files - 1),
        (Step.READING_BACK, files - 1),
        (Step.WRITING, files),
        (Step.READING_BACK, files),
    ]
    assert told[-1].bytes == outline_of(planned).bytes


def test_a_source_that_changed_is_told_as_it_is_told_here(planned: PlannedBag, store: FolderStore):
    source_of(planned, "007.txt").write_bytes(b"8")
    outcome = written_in_own_process(writer(planned, store))
    assert isinstance(outcome, Mismatch)
    assert outcome.at_fault is AtFault.SOURCE
    assert "007.txt" in outcome.issues[0].message


def test_a_store_that_is_away_is_told_as_it_is_told_here(planned: PlannedBag, store: FolderStore):
    gone = FolderStore(store.name, Path("/nowhere/at/all"), store.place, None)
    outcome = written_in_own_process(writer(planned, gone))
    assert isinstance(outcome, Failed)
    assert "/nowhere/at/all" in outcome.reason


def test_where_the_other_process_is_killed_the_work_goes_on_here(planned: PlannedBag, store: FolderStore):
    killed: list[int] = []
    others = children()
    done = threading.Event()

    def kill() -> None:
        while not killed and not done.is_set():
            for child in children() - others:
                os.kill(child, signal.SIGKILL)
                killed.append(child)
            time.sleep(0.001)

    killer = threading.Thread(target=kill)
    killer.start()
    outcome = written_in_own_process(writer(planned, store))
    done.set()
    killer.join()
    assert killed
    assert isinstance(outcome, Verified)


def test_where_no_process_is_to_be_had_the_work_is_done_here(
    tmp_path: Path, store: FolderStore, monkeypatch: pytest.MonkeyPatch
):
    tried: list[StoreName] = []

    def refused(one: ReplicaWriter) -> object:
        tried.append(one.store.name)
        raise BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN))

    monkeypatch.setattr(replication, "written_in_own_process", refused)
    many, _, _ = Room(tmp_path).plan({f"{number:04}.txt": b"%d" % number for number in range(1000)}, 1)
    outcome = replicate(many, [store], copies=1, sites=1, threads=2, clock=lambda: NOW)
    assert isinstance(outcome, Stored)
    assert tried == [store.name]


def test_many_files_are_kept_apart_and_leave_no_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    apart: list[StoreName] = []

    def noted(one: ReplicaWriter) -> object:
        apart.append(one.store.name)
        return written_in_own_process(one)

    monkeypatch.setattr(replication, "written_in_own_process", noted)
    others = children()
    many, _, _ = Room(tmp_path).plan({f"{number:04}.txt": b"%d" % number for number in range(1000)}, 1)
    stores = [folder_store(tmp_path / name, StoreName(name), SiteName(name)) for name in ("first", "second")]
    outcome = replicate(many, stores, copies=2, sites=2, threads=2, clock=lambda: NOW)
    assert isinstance(outcome, Stored)
    assert sorted(apart) == ["first", "second"]
    assert children() == others


def children() -> set[int]:
    """The processes that threads of this one have started and not yet waited for."""
    found = set()
    for task in Path("/proc/self/task").iterdir():
        # A thread may end while the others are read.
        with suppress(FileNotFoundError):
            found |= {int(child) for child in (task / "children").read_text().split()}
    return found
