"""What an archive holds, and how much of it is allowed."""

import io
import lzma
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, StrEnum
from typing import IO

from preservation.errors import reason_of


class ArchiveKind(Enum):
    """The kinds of archive that can be walked."""

    ZIP = "zip"
    TAR = "tar"
    TAR_GZ = "tar.gz"
    TAR_BZ2 = "tar.bz2"
    TAR_XZ = "tar.xz"


@dataclass(frozen=True, slots=True)
class UnpackLimits:
    """How far an archive may go before it is taken for a bomb.

    ``files`` counts members of any kind, ``bytes`` their size, unpacked. ``ratio`` is unpacked size
    to packed size; it counts only beyond ``small`` bytes, below which no ratio does harm. ``name`` is the
    longest name or target of a link, in bytes of UTF-8, ``names`` all of them together: they are held in
    memory, where a byte may take four.
    """

    files: int = 500_000
    bytes: int = 4 << 40
    ratio: int = 200
    small: int = 64 << 20
    name: int = 65_535
    names: int = 128 << 20

    def most_bytes(self, packed: int) -> int:
        """Return how large an archive of ``packed`` bytes may become."""
        return min(self.bytes, max(self.small, packed * self.ratio))


class ArchiveFault(Enum):
    """What can be wrong with an archive; what it means for a bag or a drop is for others to say."""

    UNREADABLE = "damaged, encrypted, or of a kind that cannot be read"
    TOO_MANY_MEMBERS = "more members than are allowed"
    TOO_LARGE = "more bytes, unpacked, than are allowed"
    IMPOSSIBLE_SIZE = "a header that claims a size that cannot be, or members that share their bytes"
    NAMES_TOO_LONG = "names that are longer, each or together, than is allowed"
    CLIMBS_OUT = "a path or a link that leads out of the archive"
    NAME_TWICE = "the same name twice"
    NOT_A_FILE = "a link, a device or a pipe"
    NAME_IMPOSSIBLE = "a name that cannot be a file's here, or that clashes with another one"


@dataclass(frozen=True, slots=True)
class ArchiveFinding:
    """One fault, in a sentence; ``member`` names where it is, if that is known."""

    fault: ArchiveFault
    sentence: str
    member: str | None = None

    @property
    def clause(self) -> str:
        """The sentence as a part of another one."""
        return f"{self.sentence[:1].lower()}{self.sentence[1:].removesuffix('.')}"


class MemberKind(StrEnum):
    """What a member is."""

    FILE = "file"
    FOLDER = "folder"
    HARD_LINK = "hard link"
    SYMLINK = "symbolic link"
    SPECIAL = "device or pipe"


@dataclass(frozen=True, slots=True)
class ArchiveMember:
    """One member: its name as the archive gives it, with ``/`` and without ``./`` before or ``/`` behind it.

    ``size`` is in bytes, unpacked; ``modified`` in seconds since 1970 (UTC); ``target`` is
    where a link leads, as it is written. ``respelled`` says that the archive has backslashes between folders,
    ``guessed`` that nothing in it says in which encoding the name is, ``encrypted`` that it takes a password.
    """

    name: str
    kind: MemberKind
    size: int = 0
    modified: float | None = None
    target: str = ""
    respelled: bool = False
    guessed: bool = False
    encrypted: bool = False


class ArchiveError(Exception):
    """The archive cannot be walked further. ``finding`` says why."""

    def __init__(self, fault: ArchiveFault, sentence: str, member: str | None = None) -> None:
        super().__init__(sentence)
        self.finding = ArchiveFinding(fault, sentence, member)


DAMAGE = (
    EOFError,
    LookupError,
    NotImplementedError,  # a zip member packed by a method that Python has not
    OSError,
    OverflowError,
    RecursionError,  # a chain of extension headers in a tar
    RuntimeError,  # an encrypted zip member
    ValueError,
    lzma.LZMAError,
    struct.error,
    tarfile.TarError,
    zipfile.BadZipFile,
    zlib.error,
)
"""What Python's readers of archives raise over damaged content of any kind."""


def words_of(failure: Exception) -> str:
    """Return what a reader says of damage. What the system says of a place that it leads to helps no one."""
    is_of_system = isinstance(failure, OSError) and failure.errno is not None
    return "it leads to where nothing can be" if is_of_system else reason_of(failure)


Opener = Callable[[], "MemberStream"]
"""Opens the member that was just walked to; it is to be read before the walk goes on."""


class DamagedMemberError(OSError):
    """The bytes of one member cannot be had. An ``OSError``, as a damaged disk is for a file."""


class UnknownPackingError(DamagedMemberError):
    """One member is packed in a way that there is, and that nothing here unpacks. It may be whole."""


class MemberStream(io.RawIOBase):
    """The bytes of one member. Damage shows as ``DamagedMemberError``."""

    # Closed even where nothing could be opened.
    _stream: IO[bytes] = io.BytesIO()

    def __init__(self, opener: Callable[[], IO[bytes] | None]) -> None:
        try:
            stream = opener()
        except UnknownPackingError:
            raise
        except DAMAGE as failure:
            words = f"its bytes in the archive cannot be read: {words_of(failure)}"
            raise DamagedMemberError(words) from failure
        if stream is None:
            raise DamagedMemberError("the archive holds no bytes for it")
        self._stream = stream

    def close(self) -> None:
        """Close it, and what it reads from."""
        self._stream.close()
        super().close()

    def readable(self) -> bool:
        """Say that it can be read."""
        return True

    def readinto(self, buffer: bytearray | memoryview, /) -> int:  # type: ignore[override]  # typeshed's Buffer is newer than Python 3.11
        """Fill ``buffer`` as far as one read goes. Raises ``DamagedMemberError``."""
        try:
            content = self._stream.read(len(buffer))
        except DAMAGE as failure:
            raise DamagedMemberError(
                f"its bytes in the archive are damaged: {words_of(failure)}"
            ) from failure
        buffer[: len(content)] = content
        return len(content)
