"""The floor under the whole way: one read with SHA-256, two writes, two read-backs with SHA-256.

``python floor.py DROP TARGET``; two threads, hashlib, nothing else.
"""

from __future__ import annotations

import hashlib
import os
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

_BUFFER = 1 << 20


def _digest(path: Path) -> str:
    digest = hashlib.sha256()
    buffer = memoryview(bytearray(_BUFFER))
    with path.open("rb", buffering=0) as stream:
        os.posix_fadvise(stream.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
        while count := stream.readinto(buffer):
            digest.update(buffer[:count])
    return digest.hexdigest()


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    with source.open("rb", buffering=0) as reading, target.open("wb", buffering=0) as writing:
        while os.sendfile(writing.fileno(), reading.fileno(), None, _BUFFER):
            pass


def main() -> None:
    """Do it."""
    drop, target = Path(sys.argv[1]), Path(sys.argv[2])
    files = [path for path in drop.rglob("*") if path.is_file()]
    with ThreadPoolExecutor(2) as pool:
        digests = list(pool.map(_digest, files))
        for store in ("first", "second"):
            copies = [target / store / path.relative_to(drop) for path in files]
            list(pool.map(_copy, files, copies))
            os.sync()
            if list(pool.map(_digest, copies)) != digests:
                sys.exit("a copy differs")


if __name__ == "__main__":
    main()
