"""What the runs leave behind, kept out of the way of the runs that follow."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

_MOST_BYTES = 8 << 30


@dataclass(slots=True)
class Leavings:
    """Keeps in ``folder`` what runs have written, and removes it only when it takes much room.

    For minutes after an inode was freed, ext4 gives it to no new file and passes over all such one by
    one: after the removal of 40,000 files, making as many takes up to seven times as long for everybody.
    """

    folder: Path
    _numbers: count[int] = field(default_factory=count)
    _free_at_first: int = field(init=False)

    def __post_init__(self) -> None:
        self.clear()
        self._free_at_first = _free_bytes(self.folder)

    def put_away(self, *written: Path) -> None:
        """Take what was written out of the way, and see that the disk has nothing left to do."""
        for path in written:
            path.rename(self.folder / str(next(self._numbers)))
        if self._free_at_first - _free_bytes(self.folder) > _MOST_BYTES:
            self.clear()
        os.sync()

    def clear(self) -> None:
        """Remove everything."""
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True)


def _free_bytes(folder: Path) -> int:
    return shutil.disk_usage(folder).free
