"""What a survey finds below the root of a drop."""

from enum import StrEnum

import msgspec

from preservation.model.digests import Digests
from preservation.model.formats import Identification
from preservation.model.paths import RelativePath


class EntryKind(StrEnum):
    """Entries that are not plain, readable files with a name that a bag can hold."""

    SYMLINK = "symbolic link"
    DEVICE = "device, socket or pipe"
    UNREADABLE = "unreadable file"
    UNNAMEABLE = "name that is not UTF-8"
    CHANGED = "file that changed while it was read"
    EMPTY_FOLDER = "empty folder"
    TOO_LONG = "path that is too long"


class SurveyedFile(msgspec.Struct, frozen=True, tag="file"):
    """A file, read once: its size in bytes, its digests, and what it is.

    ``modified`` is the file system's modification time in nanoseconds since 1970 (UTC).
    """

    path: RelativePath
    size: int
    modified: int
    digests: Digests
    identification: Identification


class IrregularEntry(msgspec.Struct, frozen=True, tag="irregular"):
    """Something in the drop that cannot be kept as a file, and why.

    Where the name is not UTF-8, ``path`` is the name as ``paths.printable`` writes it.
    """

    path: RelativePath
    kind: EntryKind
    detail: str
