"""What the runs leave behind, kept out of the way of the runs that follow."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

_MOST_BYTES = 8 << 30


@dataclass(frozen=True, slots=True)
class Leavings:
    """Keeps in ``folder`` what runs have written, and removes it only when it takes much room.

    For minutes after an inode was freed, ext4 gives it to no new file and passes over all such one by
    one: after the removal of 40,000 files, making as many takes up to seven times as long for everybody.
    """

    folder: Path
    _numbers: count[int] = field(default_factory=count)

    def put_away(self, *written: Path) -> None:
        """Take what was written out of the way, and see that the disk has nothing left to do."""
        self.folder.mkdir(parents=True, exist_ok=True)
        for path in written:
            path.rename(self.folder / str(next(self._numbers)))
        if _bytes_below(self.folder) > _MOST_BYTES:
            self.clear()
        os.sync()

    def clear(self) -> None:
        """Remove everything."""
        shutil.rmtree(self.folder, ignore_errors=True)


def _bytes_below(folder: Path) -> int:
    return sum(path.stat(follow_symlinks=False).st_size for path in folder.rglob("*"))
