"""Who may read what a folder store keeps: its owner, a group, or every account of the machine."""

from enum import StrEnum
from typing import NamedTuple


class Modes(NamedTuple):
    """The modes of files and of folders. Nobody may write to a file that is kept."""

    file: int
    folder: int


class Readers(StrEnum):
    """Who may read a replica. What was dropped for few eyes must not be read by all."""

    OWNER = "owner"
    GROUP = "group"
    ALL = "all"

    @property
    def modes(self) -> Modes:
        """The modes by which they may read, and no one else."""
        return _MODES[self]


_MODES = {
    Readers.OWNER: Modes(0o400, 0o700),
    Readers.GROUP: Modes(0o440, 0o750),
    Readers.ALL: Modes(0o444, 0o755),
}
