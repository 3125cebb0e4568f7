"""Processes of their own that create in a folder store, to be raced and to be killed."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from support.scripts import with_tests_on_path
from support.store_peers import folder_store

from preservation.errors import AlreadyExistsError
from preservation.model.paths import StoreKey
from storage.ports.stores import Deposit
from storage.stores.folder import deposit

KEYS = 40
FILES = 400


def started(*arguments: str | Path) -> subprocess.Popen[bytes]:
    """Start one of the processes below."""
    command = [sys.executable, __file__, *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, env=with_tests_on_path())


def content(number: int) -> bytes:
    """Return what file ``number`` of the sources holds."""
    return f"{number} ".encode() * 3000


def deposits(sources: Path) -> Iterator[Deposit]:
    """Yield every file of the sources as it is to be created."""
    for number in range(FILES):
        key = StoreKey(f"maps/a/v1/{number % 5}/{number}")
        yield Deposit(key, sources / str(number), len(content(number)))


def _race(root: Path, source: Path) -> None:
    """Try to create every key with the bytes of ``source``, and print those that were won."""
    store = folder_store(root)
    for number in range(KEYS):
        try:
            store.create([Deposit(StoreKey(f"maps/race/{number}"), source, source.stat().st_size)])
        except AlreadyExistsError:
            continue
        sys.stdout.write(f"{number}\n")


def _create(root: Path, sources: Path) -> None:
    # Small batches: there are many instants at which some files have their names and others have not.
    deposit._BATCH_FILES = 20
    folder_store(root).create(deposits(sources))


if __name__ == "__main__":
    {"race": _race, "create": _create}[sys.argv[1]](Path(sys.argv[2]), Path(sys.argv[3]))
