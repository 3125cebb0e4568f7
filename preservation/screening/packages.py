"""The job that examines one document that is a zip inside, in a caged worker: unpacks it to nowhere.

Every part is compared with its checksum, and those are looked for that such a document cannot do without.
"""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import BinaryIO, Final

import msgspec

from preservation.archives.members import (
    ArchiveError,
    ArchiveFault,
    ArchiveKind,
    ArchiveMember,
    MemberKind,
    Opener,
    UnknownPackingError,
    UnpackLimits,
    words_of,
)
from preservation.archives.reading import MemberReading
from preservation.archives.walking import walk_archive
from preservation.model.paths import printable
from preservation.rasters.families import Family
from preservation.screening.reports import DocumentReport
from preservation.tools.work import NOT_ABOUT_CONTENT, Json

_SECONDS = 30.0
_NAMED = 3
_LIMITS = UnpackLimits(files=100_000, bytes=4 << 30, ratio=1000, small=1 << 30)
_LONGEST_LIST = 8 << 20


@dataclass(frozen=True, slots=True)
class _Kind:
    """Parts without which a document of that kind is none, or without which readers have to guess.

    ``encryption`` is the part that says which others are encrypted, and the words in it that do.
    """

    needed: frozenset[str]
    expected: frozenset[str] = frozenset()
    encryption: tuple[str, bytes] | None = None


_KINDS: Final = {
    Family.OFFICE_OPEN_XML: _Kind(frozenset({"[Content_Types].xml", "_rels/.rels"})),
    Family.OPEN_DOCUMENT: _Kind(
        frozenset({"META-INF/manifest.xml"}),
        frozenset({"mimetype"}),
        ("META-INF/manifest.xml", b"encryption-data"),
    ),
    Family.EPUB: _Kind(
        frozenset({"mimetype", "META-INF/container.xml"}),
        encryption=("META-INF/encryption.xml", b"EncryptedData"),
    ),
}


def examine(arguments: Mapping[str, Json], inputs: Sequence[BinaryIO], _: Sequence[BinaryIO]) -> Json:
    """Examine the one input, a document of ``family``."""
    package = _Package(_KINDS[Family(arguments["family"])])
    fault = None
    try:
        for member, opener in walk_archive(inputs[0], ArchiveKind.ZIP, _LIMITS):
            package.take(member, opener)
    except ArchiveError as error:
        if error.finding.fault is ArchiveFault.TOO_LARGE:
            package.is_cut_short = True
        else:
            fault = error.finding.clause
    except NOT_ABOUT_CONTENT:
        raise
    except Exception as error:  # noqa: BLE001  damaged archives make these modules raise a dozen kinds
        fault = words_of(error)
    return msgspec.to_builtins(package.report(fault))


class _Package:
    def __init__(self, kind: _Kind) -> None:
        self._kind = kind
        self._reading = MemberReading(_SECONDS)
        self._names: set[str] = set()
        self._damage: list[str] = []
        self._locked: list[str] = []
        self._has_encryption = False
        self.is_cut_short = False

    def take(self, member: ArchiveMember, opener: Opener) -> None:
        """Read a part to its end."""
        self._names.add(member.name)
        if member.kind is not MemberKind.FILE:
            return
        if member.encrypted:
            self._locked.append(printable(member.name))
            return
        fault = self._reading.fault_of(opener, member.size)
        if fault is not None:
            self._damage.append(f"its part {printable(member.name)} is damaged: {fault}")
        elif self._kind.encryption is not None and member.name == self._kind.encryption[0]:
            with suppress(UnknownPackingError), opener() as content:
                self._has_encryption = self._kind.encryption[1] in content.read(_LONGEST_LIST)

    def report(self, fault: str | None) -> DocumentReport:
        """Return what was found; ``fault`` is why not all parts were reached."""
        missing = sorted(self._kind.needed - self._names)
        if missing and fault is None:
            self._damage.append(
                f"it has no {' and no '.join(missing)}, which such a document cannot do without"
            )
        if self._damage:
            more = f"; and {len(self._damage) - _NAMED} more" if len(self._damage) > _NAMED else ""
            fault = "; ".join(filter(None, (fault, *self._damage[:_NAMED]))) + more
        is_part_unread = self.is_cut_short or self._reading.unread > 0
        absent = sorted(self._kind.expected - self._names)
        encrypted = [*self._locked]
        if self._has_encryption and self._kind.encryption is not None:
            encrypted.append(f"parts that {self._kind.encryption[0]} names")
        return DocumentReport(
            fault=fault,
            remarks=tuple(f"it has no {name}" for name in absent) if fault is None else (),
            unseen=("parts for which there was no time, or no unpacker",) if is_part_unread else (),
            encrypted=tuple(encrypted),
        )
