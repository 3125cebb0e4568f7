"""What is mounted where, as the kernel reports it to a process (proc(5), mountinfo)."""

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

_AWAY: Final = re.compile(r"nfs\d?|cifs|smb\d?|afs|ceph|9p|lustre|fuse(\..+)?")


class Mount(NamedTuple):
    """A mounted file system. ``number`` is unique on the whole machine, ``device`` is its ``st_dev``."""

    number: int
    device: int
    point: str
    kind: str

    @property
    def is_away(self) -> bool:
        """Say whether others may write to it without this kernel's knowing, and it may wait for them."""
        return _AWAY.fullmatch(self.kind) is not None


def mounts_of(process: str = "self") -> Iterator[Mount]:
    """Give what is mounted for a process, by its number. Raises ``OSError`` where it ended."""
    for line in os.fsdecode(Path(f"/proc/{process}/mountinfo").read_bytes()).splitlines():
        number, _, device, _, point, *rest = line.split(" ")
        major, _, minor = device.partition(":")
        yield Mount(
            int(number),
            os.makedev(int(major), int(minor)),
            re.sub(r"\\([0-7]{3})", lambda match: chr(int(match[1], 8)), point),
            rest[rest.index("-") + 1],
        )
