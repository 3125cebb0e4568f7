"""Exchanging what lies in a drop for links that lead out of it, and what must never come of that."""

from __future__ import annotations

import ctypes
import gzip
import hashlib
import os
import random
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from support.bags import bag_files, write

from flows.installation.wiring import Installation
from flows.submission.answer import SubmissionResult, answer
from flows.submission.claim import claim
from flows.submission.drop import DropRequest
from flows.submission.stages.order import STAGES
from preservation.errors import PreservationError

OUTSIDE = "The key of the safe is 7c0ffee7"
"""What whoever drops may not read. As long as each of the drop's own letters."""
OWN = "Dear brother, all is well here."

RENAME_EXCHANGE = 2
_libc = ctypes.CDLL(None, use_errno=True)


def exchange(one: Path, other: Path) -> None:
    """Exchange two names in one step, as renameat2(2) does."""
    if _libc.renameat2(-100, os.fsencode(one), -100, os.fsencode(other), RENAME_EXCHANGE) != 0:
        raise OSError(ctypes.get_errno(), "renameat2")


@dataclass(frozen=True)
class Exchange:
    """Something of a drop and, beside the drop, a link to its like outside, that has the same look."""

    place: Path
    link: Path

    def __call__(self) -> None:
        """Exchange them."""
        exchange(self.place, self.link)


def dropped(drop: Path, *, as_bag: bool) -> Path:
    """Make a drop, a folder or a bag, with letters in a folder of a folder."""
    files = {f"data/letters/1914/{name}.txt": OWN.encode() for name in ("a", "b")}
    files |= {"data/metadata.csv": b"filename,dc.title\n.,Letters\n"}
    if as_bag:
        return write(drop, bag_files(files))
    own = {path.removeprefix("data/"): content for path, content in files.items()}
    return write(drop, own, folders=())


def twin(place: Path, outside: Path) -> Path:
    """Make outside of the drop what looks like ``place`` to anyone who only looks, and holds the secret."""
    copy = outside / place.name
    subprocess.run(["cp", "-a", place, copy], check=True)
    for path in [copy, *copy.rglob("*")]:
        if path.is_file():
            found = path.stat()
            path.write_bytes(OUTSIDE.encode().ljust(found.st_size)[: found.st_size])
            os.utime(path, ns=(found.st_atime_ns, found.st_mtime_ns))
    return copy


def exchange_of(drop: Path, part: str) -> Exchange:
    """Prepare the exchange of a part of the drop, ``""`` for the drop itself."""
    place = drop / part
    outside = drop.with_name(f"{drop.name}-outside")
    outside.mkdir()
    link = drop.with_name(f"{drop.name}-link")
    link.symlink_to(twin(place, outside))
    return Exchange(place, link)


def traces(directory: Path) -> list[str]:
    """Return the files of an installation in which the secret, or a digest of it, stands."""
    sought = [OUTSIDE.encode(), b"7c0ffee7"]
    sought += [
        hashlib.new(name, OUTSIDE.encode()).hexdigest().encode() for name in ("md5", "sha256", "sha512")
    ]
    found = []
    for path in directory.rglob("*"):
        if path.is_file() and not path.is_symlink():
            content = path.read_bytes()
            if path.suffix == ".gz":
                content += gzip.decompress(content)
            if any(one in content for one in sought):
                found.append(str(path.relative_to(directory)))
    return found


def preserve_while(
    installation: Installation, drop: Path, at_stage: Callable[[str], None] = lambda _: None
) -> SubmissionResult | str:
    """Preserve a drop, calling ``at_stage`` before each stage; return its result, or why it has none."""
    request = DropRequest(drop, "files", drop.name)
    try:
        with claim(request, installation) as workspace:
            for stage in STAGES.values():
                at_stage(stage.name)
                stage.run(workspace, installation)
            [result] = answer([workspace], installation)
            return result
    except (PreservationError, OSError) as error:
        return str(error)


_LOOP = """
import ctypes, os, random, sys, time
one, other, seed = sys.argv[1:]
draw, libc = random.Random(seed), ctypes.CDLL(None)
print("ready", flush=True)
while True:
    for _ in range(2):
        libc.renameat2(-100, os.fsencode(one), -100, os.fsencode(other), 2)
        time.sleep(draw.choice([0, 0.0001, 0.002, 0.02]))
"""


@contextmanager
def exchanged_again_and_again(exchange: Exchange, draw: random.Random) -> Iterator[None]:
    """Have another process exchange them without a pause, or with drawn ones, while the context lasts."""
    command = [sys.executable, "-c", _LOOP, str(exchange.place), str(exchange.link), str(draw.random())]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        try:
            yield
        finally:
            process.kill()
            process.wait()
    if exchange.place.is_symlink():
        exchange()
