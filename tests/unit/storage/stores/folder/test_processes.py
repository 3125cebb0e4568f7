"""Several processes at one folder store, and processes that are killed."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from ordeals.creators import FILES, KEYS, content, deposits, started
from support.store_peers import folder_store


def test_of_racing_processes_exactly_one_creates_each_key(tmp_path: Path):
    root = tmp_path / "store"
    folder_store(root)
    processes = []
    for number in range(4):
        source = tmp_path / str(number)
        source.write_bytes(str(number).encode())
        processes.append(started("race", root, source))
    won = [process.communicate()[0].decode().split() for process in processes]
    assert sorted(int(key) for keys in won for key in keys) == list(range(KEYS))
    for number, keys in enumerate(won):
        assert all((root / "maps" / "race" / key).read_bytes() == str(number).encode() for key in keys)


@pytest.mark.parametrize("milliseconds", [0, 10, 30, 60, 100])
def test_killed_at_any_instant_only_whole_files_are_visible_and_a_second_run_completes_and_clears(
    tmp_path: Path, milliseconds: int
):
    root, sources = tmp_path / "store", tmp_path / "sources"
    store = folder_store(root)
    sources.mkdir()
    for number in range(FILES):
        (sources / str(number)).write_bytes(content(number))
    process = started("create", root, sources)
    while process.poll() is None and not any((root / ".incoming").iterdir()):
        time.sleep(0.0005)
    time.sleep(milliseconds / 1000)
    process.kill()
    process.communicate()
    seen = {kept.key for kept in store.list()}
    for key in seen:
        assert (root / key).read_bytes() == content(int(key.rpartition("/")[2]))
    store.create(deposit for deposit in deposits(sources) if deposit.key not in seen)
    assert len(list(store.list())) == FILES
    # One that was killed between making its area and locking it leaves it empty: that goes after a day.
    left = (root / ".incoming").rglob("*")
    assert [path for path in left if path.is_file() and path.stat().st_size] == []
