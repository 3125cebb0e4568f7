"""Reading supplied manifests line by line: md5sum, BSD and hashdeep layouts, tables, and digests alone."""

import codecs
import io
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from preservation.long_paths import opened_file
from preservation.manifests.names import is_named_as_table
from preservation.manifests.table import ManifestTable
from preservation.model.digests import Algorithm, algorithm_named, algorithm_of_length, parse_digest
from preservation.model.paths import RelativePath
from preservation.model.supplied import ManifestLayout

MANIFEST_BYTES = 256 << 20
"""No manifest is read that is larger."""

_LINE_CHARACTERS = 64 * 1024
_MOST_COLUMNS = 64
"""Of a table, or of what hashdeep wrote."""
_STANDARD_INPUT = "-"

# GNU md5sum: a digest, a space, a space or an asterisk, a name; RFC 8493 asks for white space only.
_MD5SUM = re.compile(
    r"(?P<escaped>\\?)(?P<digest>[0-9a-fA-F]{32,128})(?: [ *]|[ \t]+\*?)(?P<name>.+)", re.DOTALL
)
# BSD's and OpenSSL's: MD5 (name) = digest, SHA2-256(name)= digest.
_BSD = re.compile(
    r"(?P<escaped>\\?)(?P<algorithm>[A-Za-z0-9-]+) ?\((?P<name>.+)\) ?= ?(?P<digest>[0-9a-fA-F]{32,128})",
    re.DOTALL,
)
_DIGEST_ALONE = re.compile(r"[0-9a-fA-F]{32,128}")
_HASHDEEP_HEADER = "%%%% HASHDEEP-"
_HASHDEEP_COLUMNS = "%%%% "
_HASHDEEP_SIZE = "size"
_DECIMAL = re.compile(r"[0-9]{1,20}")
_COMMENTS = ("#", ";")
_ESCAPE = re.compile(r"\\[\\nr]")
_ESCAPES = {r"\\": "\\", r"\n": "\n", r"\r": "\r"}


@dataclass(frozen=True, slots=True)
class ListedFile:
    """One digest of one file, as a manifest lists it. ``name`` is empty where it names no file.

    ``size`` is in bytes, ``None`` where the manifest does not say it.
    """

    name: str
    algorithm: Algorithm
    digest: bytes
    layout: ManifestLayout
    size: int | None = None


@dataclass(frozen=True, slots=True)
class NotUnderstood:
    """A line that is in none of the layouts, by its number."""

    line: int


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
) -> Iterator[tuple[ListedFile, ...] | NotUnderstood]:
    """Read the manifest at ``path`` below ``root``; give what each line lists that is no comment.

    Names are given as the manifest writes them, escapes undone, byte for byte (``os.fsdecode``).
    Raises ``OSError``, ``ManifestLimitError`` where it is too large or ``allowance`` is used up, and
    ``ValueError`` with a reason where the file is no text.
    """
    left = Allowance() if allowance is None else allowance
    with opened_file(root, path) as descriptor, os.fdopen(descriptor, "rb", closefd=False) as stream:
        # What is no text is no manifest, however large it is.
        encoding = _encoding(stream.read(4096))
        size = os.fstat(descriptor).st_size
        if size > MANIFEST_BYTES:
            raise ManifestLimitError(f"it is larger than {MANIFEST_BYTES >> 20} MiB")
        left.take(read=size)
        stream.seek(0)
        # Only the line feed ends a line: a name may hold every other character that looks like an end.
        with io.TextIOWrapper(stream, encoding, errors="surrogateescape", newline="\n") as text:
            for line in _read(text, may_be_table=is_named_as_table(path)):
                if isinstance(line, tuple):
                    left.take(listed=len(line))
                yield line


def _encoding(beginning: bytes) -> str:
    if beginning.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    if b"\0" in beginning:
        raise ValueError("it is not text")
    return "utf-8-sig"


def _read(text: io.TextIOWrapper, *, may_be_table: bool) -> Iterator[tuple[ListedFile, ...] | NotUnderstood]:
    columns: tuple[str, ...] | None = None
    table: ManifestTable | None = None
    for number, line in enumerate(_lines(text), 1):
        if line is None:
            yield NotUnderstood(number)
        elif line.startswith(_HASHDEEP_COLUMNS):
            if not line.startswith(_HASHDEEP_HEADER):
                columns = tuple(line.removeprefix(_HASHDEEP_COLUMNS).split(",", _MOST_COLUMNS))
        elif line.strip() and not line.startswith(_COMMENTS):
            if columns is not None:
                yield _listed_by_hashdeep(line, columns) or NotUnderstood(number)
                continue
            if may_be_table:
                table, may_be_table = ManifestTable.beginning_with(line), False
            if table is None:
                yield _listed(line) or NotUnderstood(number)
            elif not table.is_heading(line):
                yield _listed_in(table, line) or NotUnderstood(number)


def _lines(text: io.TextIOWrapper) -> Iterator[str | None]:
    """Give the lines without their ends, ``None`` for one that is too long to be one of a manifest."""
    while line := text.readline(_LINE_CHARACTERS):
        if len(line) < _LINE_CHARACTERS or line.endswith("\n"):
            yield line.removesuffix("\n").removesuffix("\r")
            continue
        while line and not line.endswith("\n"):
            line = text.readline(_LINE_CHARACTERS)
        yield None


def _listed(line: str) -> tuple[ListedFile, ...]:
    if found := _BSD.fullmatch(line):
        algorithm = algorithm_named(found["algorithm"].upper().replace("SHA2-", "SHA"))
        return _one(found["name"], algorithm, found["digest"], ManifestLayout.BSD, escaped=found["escaped"])
    if found := _MD5SUM.fullmatch(line):
        name, digest = found["name"], found["digest"]
        algorithm = algorithm_of_length(len(digest))
        return _one(name, algorithm, digest, ManifestLayout.MD5SUM, escaped=found["escaped"])
    if _DIGEST_ALONE.fullmatch(line.strip()):
        digest = line.strip()
        return _one("", algorithm_of_length(len(digest)), digest, ManifestLayout.MD5SUM)
    return ()


def _listed_by_hashdeep(line: str, columns: tuple[str, ...]) -> tuple[ListedFile, ...]:
    # The name comes last and is not quoted, whatever commas it holds.
    fields = line.split(",", len(columns) - 1)
    if len(fields) != len(columns):
        return ()
    by_column = dict(zip(columns[:-1], fields[:-1], strict=True))
    size = by_column.get(_HASHDEEP_SIZE, "")
    return tuple(
        replace(listed, size=int(size)) if _DECIMAL.fullmatch(size) else listed
        for column, field in by_column.items()
        for listed in _one(fields[-1], algorithm_named(column), field, ManifestLayout.HASHDEEP)
    )


def _listed_in(table: ManifestTable, line: str) -> tuple[ListedFile, ...]:
    row = table.row(line)
    if row is None or len(row.digests) > _MOST_COLUMNS:
        return ()
    return tuple(
        listed
        for digest in row.digests
        for listed in _one(row.file, algorithm_of_length(len(digest)), digest, ManifestLayout.CSV)
    )


def _one(
    name: str, algorithm: Algorithm | None, digest: str, layout: ManifestLayout, *, escaped: str = ""
) -> tuple[ListedFile, ...]:
    if algorithm is None:
        return ()
    try:
        promised = bytes.fromhex(parse_digest(algorithm, digest))
    except ValueError:
        return ()
    written = _ESCAPE.sub(lambda found: _ESCAPES[found[0]], name) if escaped else name
    return (ListedFile("" if written == _STANDARD_INPUT else written, algorithm, promised, layout),)
