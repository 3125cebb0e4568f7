"""Processes that confirm make an audit faster: where they die, what they were asked is confirmed here."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from types import MappingProxyType

import pytest
from support.forks import forked
from support.processes import children, lives
from support.store_peers import folder_store
from support.waiting import until

from preservation.fixity.digesting import digest_bytes
from preservation.model.digests import Algorithm
from preservation.model.identifiers import StoreName
from preservation.model.paths import StoreKey
from storage.audits.confirmer_processes import ConfirmerProcesses
from storage.ports.confirmers import Expected
from storage.stores.folder import direct
from storage.stores.folder.confirm import FolderConfirmer

NAME = StoreName("first")
PAGE = Expected(StoreKey("maps/page"), 4, digest_bytes(b"page", (Algorithm.SHA256,)))


@pytest.fixture
def folder(tmp_path: Path) -> FolderConfirmer:
    folder_store(tmp_path, NAME)
    (tmp_path / "maps").mkdir()
    (tmp_path / "maps" / "page").write_bytes(b"page")
    return FolderConfirmer(NAME, tmp_path)


@pytest.fixture
def processes(folder: FolderConfirmer) -> Iterator[ConfirmerProcesses]:
    with closing(ConfirmerProcesses(folder, 2)) as processes:
        yield processes


def started(processes: ConfirmerProcesses) -> list[int]:
    """Start the processes, wait until all are ready, and return their numbers."""
    before = set(children(os.getpid()))
    processes.start()
    until(lambda: all(one.is_ready() for one in processes._free))
    return sorted(set(children(os.getpid())) - before)


def test_what_they_are_asked_they_confirm_and_nothing_is_read_here(
    processes: ConfirmerProcesses, monkeypatch: pytest.MonkeyPatch
):
    assert len(started(processes)) == 2
    monkeypatch.setattr(direct, "_NUMBERS", MappingProxyType({}))
    for _ in range(3):
        assert processes.confirmed([PAGE, PAGE]) == [4, 4]


def test_before_they_are_ready_and_where_none_is_wanted_it_is_confirmed_here(folder: FolderConfirmer):
    with closing(ConfirmerProcesses(folder, 2)) as processes:
        assert processes.confirmed([PAGE]) == [4]
        processes.start()
        assert processes.confirmed([PAGE]) == [4]
    with closing(ConfirmerProcesses(folder, 0)) as none:
        assert started(none) == []
        assert none.confirmed([PAGE]) == [4]


def test_where_they_were_killed_it_is_confirmed_here(processes: ConfirmerProcesses):
    for one in started(processes):
        os.kill(one, signal.SIGKILL)
    for _ in range(3):
        assert processes.confirmed([PAGE]) == [4]


def test_where_one_is_killed_over_a_question_it_is_answered_here(processes: ConfirmerProcesses):
    running = started(processes)
    for one in running:
        os.kill(one, signal.SIGSTOP)
    with ThreadPoolExecutor(1) as thread:
        answer = thread.submit(processes.confirmed, [PAGE])
        until(lambda: len(processes._free) == 1)
        for one in running:
            os.kill(one, signal.SIGKILL)
        assert answer.result() == [4]


def test_they_end_when_they_are_closed_and_when_who_started_them_is_killed(
    processes: ConfirmerProcesses, folder: FolderConfirmer
):
    running = started(processes)
    processes.close()
    assert not any(map(lives, running))

    def start_and_wait() -> None:
        started(ConfirmerProcesses(folder, 2))
        signal.pause()

    starter = forked(start_and_wait)
    starter.start()
    assert starter.pid is not None
    pid = starter.pid
    until(lambda: len(children(pid)) == 2)
    running = children(pid)
    os.kill(pid, signal.SIGKILL)
    starter.join()
    until(lambda: not any(map(lives, running)))
