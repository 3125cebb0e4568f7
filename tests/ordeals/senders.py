"""Processes of their own that create in an S3 store, to be raced and to be measured."""

from __future__ import annotations

import resource
import subprocess
import sys
from dataclasses import asdict
from json import dumps, loads
from pathlib import Path

from services.buckets import SMALL_SIZES, s3_store
from support.scripts import with_tests_on_path

from preservation.errors import AlreadyExistsError
from preservation.model.paths import StoreKey
from storage.ports.stores import Deposit
from storage.stores.s3.bucket import BucketAddress
from storage.stores.s3.send import Sizes

KEYS = 6


def started(act: str, address: BucketAddress, source: Path) -> subprocess.Popen[bytes]:
    """Start one of the processes below."""
    return subprocess.Popen(
        [sys.executable, __file__, act, dumps(asdict(address)), source],
        stdout=subprocess.PIPE,
        env=with_tests_on_path(),
    )


def _race(address: BucketAddress, source: Path) -> None:
    """Try to create every key with the bytes of ``source``, and print those that were won."""
    store = s3_store(address, sizes=SMALL_SIZES)
    for number in range(KEYS):
        try:
            store.create([Deposit(StoreKey(f"maps/race/{number}"), source, source.stat().st_size)])
        except AlreadyExistsError:
            continue
        sys.stdout.write(f"{number}\n")


def _measure(address: BucketAddress, source: Path) -> None:
    """Create one key, and print by how many KiB the memory of the process grew at most."""
    store = s3_store(address, sizes=Sizes())
    store.probe()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    store.create([Deposit(StoreKey("maps/a/v1/large"), source, source.stat().st_size)])
    sys.stdout.write(str(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before))


if __name__ == "__main__":
    {"race": _race, "measure": _measure}[sys.argv[1]](BucketAddress(**loads(sys.argv[2])), Path(sys.argv[3]))
