"""Reading supplied manifests line by line, whatever wrote them."""

import io
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from preservation.files.encoding import unicode_encoding
from preservation.long_paths import opened_file
from preservation.manifests.layouts import (
    MOST_COLUMNS,
    CertutilHeading,
    NotUnderstood,
    UnderstoodLine,
    certutil_heading,
    listed_by_hashdeep,
    listed_by_line,
    listed_by_powershell,
    listed_in_table,
    powershell_item,
)
from preservation.manifests.names import is_named_as_table
from preservation.manifests.table import ManifestTable
from preservation.model.paths import RelativePath

MANIFEST_BYTES = 256 << 20
"""No manifest is read that is larger."""

_LINE_CHARACTERS = 64 * 1024
_HASHDEEP_HEADER = "%%%% HASHDEEP-"
_HASHDEEP_COLUMNS = "%%%% "
# Those of md5sum's kin, of fciv, and what certutil says after a digest, in any language.
_COMMENTS = ("#", ";", "//", "CertUtil:")
# What names columns, in PowerShell and in fciv.
_HEADING = re.compile(r"\s*(?:Algorithm +Hash +Path|(?:MD5|SHA-?1)(?:\s+(?:MD5|SHA-?1))*)\s*", re.IGNORECASE)


class ManifestLimitError(ValueError):
    """A manifest goes beyond what is read. The message says in what."""


@dataclass(slots=True)
class Allowance:
    """What may still be read of all manifests of one drop: their bytes, and the digests that they list."""

    bytes: int = 1 << 30
    digests: int = 3_000_000

    def take(self, *, read: int = 0, listed: int = 0) -> None:
        """Take so much of it. Raises ``ManifestLimitError`` where it is used up."""
        self.bytes -= read
        self.digests -= listed
        if self.bytes < 0 or self.digests < 0:
            whole = Allowance()
            raise ManifestLimitError(
                f"the manifests of one drop are read up to {whole.bytes >> 20:,} MiB and "
                f"{whole.digests:,} digests, together"
            )


def manifest_lines(
    root: Path, path: RelativePath, allowance: Allowance | None = None
) -> Iterator[UnderstoodLine]:
    """Read the manifest at ``path`` below ``root``; give what each line lists that is no comment.

    Names are given as the manifest writes them, escapes undone, byte for byte (``os.fsdecode``).
    Raises ``OSError``, ``ManifestLimitError`` where it is too large or ``allowance`` is used up, and
    ``ValueError`` with a reason where the file is no text.
    """
    left = Allowance() if allowance is None else allowance
    with opened_file(root, path) as descriptor, os.fdopen(descriptor, "rb", closefd=False) as stream:
        # What is no text is no manifest, however large it is.
        beginning = stream.read(_LINE_CHARACTERS)
        encoding = unicode_encoding(beginning[:4096])
        if encoding is None:
            raise ValueError("it is not text")
        size = os.fstat(descriptor).st_size
        if size > MANIFEST_BYTES:
            raise ManifestLimitError(f"it is larger than {MANIFEST_BYTES >> 20} MiB")
        left.take(read=size)
        stream.seek(0)
        # Only the line feed ends a line, for a name may hold any other character that looks like an end; but
        # what has none at all comes from an old Mac, where a carriage return ends it.
        end = "\n" if b"\n" in beginning else "\r"
        with io.TextIOWrapper(stream, encoding, errors="surrogateescape", newline=end) as text:
            reader = _Reader(may_be_table=is_named_as_table(path))
            read = (reader.read(line, number) for number, line in enumerate(_lines(text, end), 1))
            for listed in chain(read, map(_Reader.end, (reader,))):
                if listed is not None:
                    left.take(listed=len(listed) if isinstance(listed, tuple) else bool(listed.name))
                    yield listed


class _Reader:
    """Reads the lines of one manifest: what a line means depends on those before it."""

    def __init__(self, *, may_be_table: bool) -> None:
        self._may_be_table = may_be_table
        self._columns: tuple[str, ...] | None = None
        self._table: ManifestTable | None = None
        self._heading: CertutilHeading | None = None
        self._digest = ""

    def read(self, line: str | None, number: int) -> UnderstoodLine | None:
        """Return what a line lists, ``None`` where it is none that could list anything."""
        if (heading := self._heading) is not None:
            self._heading = None
            return heading.with_digest(line or "")
        if line is None:
            return NotUnderstood(number)
        if line.startswith(_HASHDEEP_COLUMNS):
            if not line.startswith(_HASHDEEP_HEADER):
                self._columns = tuple(line.removeprefix(_HASHDEEP_COLUMNS).split(",", MOST_COLUMNS))
            return None
        return None if line.startswith(_COMMENTS) or _lists_nothing(line) else self._listed(line, number)

    def end(self) -> UnderstoodLine | None:
        """Return what is left at the end: a heading without its digest."""
        return None if self._heading is None else self._heading.with_digest("")

    def _listed(self, line: str, number: int) -> UnderstoodLine | None:
        if self._columns is not None:
            return listed_by_hashdeep(line, self._columns, number)
        if item := powershell_item(line):
            return self._with_item(*item, number)
        self._heading = certutil_heading(line, number)
        if self._heading is not None:
            return None
        if self._may_be_table:
            self._table, self._may_be_table = ManifestTable.beginning_with(line), False
        if self._table is None:
            return listed_by_line(line, number)
        return None if self._table.is_heading(line) else listed_in_table(self._table, line, number)

    def _with_item(self, key: str, value: str, number: int) -> UnderstoodLine | None:
        if key == "Path":
            return listed_by_powershell(self._digest, value, number)
        self._digest = value if key == "Hash" else ""
        return None


def _lists_nothing(line: str) -> bool:
    """Say whether a line is empty, a ruler, or names columns, as fciv and PowerShell write them."""
    return not any(map(str.isalnum, line)) or _HEADING.fullmatch(line) is not None


def _lines(text: io.TextIOWrapper, end: str) -> Iterator[str | None]:
    """Give the lines without their ends, ``None`` for one that is too long to be one of a manifest."""
    while line := text.readline(_LINE_CHARACTERS):
        if len(line) < _LINE_CHARACTERS or line.endswith(end):
            yield line.removesuffix("\n").removesuffix("\r")
            continue
        while line and not line.endswith(end):
            line = text.readline(_LINE_CHARACTERS)
        yield None
