"""The layouts of single lines: md5sum, BSD, certutil, PowerShell, hashdeep, tables, and digests alone."""

import re
from dataclasses import dataclass, replace
from itertools import chain
from typing import Final, TypeAlias

from preservation.manifests.table import ManifestTable
from preservation.model.digests import Algorithm, algorithm_named, algorithm_of_length, parse_digest
from preservation.model.supplied import ManifestLayout

MOST_COLUMNS: Final = 64
"""Of a table, or of what hashdeep wrote."""

_STANDARD_INPUT = "-"
_LONGEST_DIGEST = 140

# GNU md5sum: a digest, a space, a space or an asterisk, a name; RFC 8493 asks for white space only.
_MD5SUM = re.compile(
    r"(?P<escaped>\\?)(?P<digest>[0-9a-fA-F]{32,128})(?: [ *]|[ \t]+\*?)(?P<name>.+)", re.DOTALL
)
# The same with a word in place of the digest: a mistyped digest, or one of another algorithm.
_NO_DIGEST = re.compile(
    r"(?P<escaped>\\?)(?P<digest>[^\s\\]{6,140})(?: [ *]|[ \t]+\*?)(?P<name>.+)", re.DOTALL
)
# BSD's and OpenSSL's: MD5 (name) = digest, SHA2-256(name)= digest.
_BSD = re.compile(
    r"(?P<escaped>\\?)(?P<algorithm>[A-Za-z0-9-]+) ?\((?P<name>.+)\) ?= ?(?P<digest>\S{1,140})", re.DOTALL
)
# PowerShell's Get-FileHash, as a terminal shows it; and the two digests of fciv -both.
_POWERSHELL = re.compile(
    r"(?P<escaped>)(?P<algorithm>(?:MD|SHA)[0-9]{1,3}) +(?P<digest>[0-9a-fA-F]{32,128})"
    r" +(?P<name>\S(?:.*\S)?) *"
)
_POWERSHELL_ITEM = re.compile(r"(?P<key>Algorithm|Hash|Path) *: (?P<value>.+)")
_TWO_DIGESTS = re.compile(r"(?P<first>[0-9a-f]{32})[ \t]+(?P<second>[0-9a-f]{40})[ \t]+(?P<name>\S.*)")
_DIGEST_ALONE = re.compile(r"[0-9a-fA-F]{32,128}")
# Windows' certutil names file and algorithm in one line, in the system's language; the next has the digest.
_CERTUTIL = re.compile(
    r"(?:(?P<first>MD5|SHA-?(?:1|256|512))(?: hash of(?: file)?|-Hash (?:von|der Datei))"
    r"|(?:Hash|Hachage) (?P<second>MD5|SHA-?(?:1|256|512))"
    r" (?:de|di|du fichier|del archivo|do arquivo|del file))"
    r" (?P<name>\S.*?) ?:",
    re.IGNORECASE,
)
_HASHDEEP_SIZE = "size"
_DECIMAL = re.compile(r"[0-9]{1,20}")
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
    """A line that lists no digest, by its number.

    ``name`` is that of the file that it may be about, and ``digest`` what it has in place of a digest; both
    are empty where the line is in none of the layouts.
    """

    line: int
    name: str = ""
    digest: str = ""


UnderstoodLine: TypeAlias = tuple[ListedFile, ...] | NotUnderstood
"""What one line lists, or that it lists nothing."""


@dataclass(frozen=True, slots=True)
class CertutilHeading:
    """The line of certutil that names the file whose digest the next line holds."""

    line: int
    name: str
    algorithm: str

    def with_digest(self, line: str) -> UnderstoodLine:
        """Return what this and the next ``line`` list; older releases put spaces into the digest."""
        digest = line.replace(" ", "")
        listed = _one(self.name, algorithm_named(self.algorithm), digest, ManifestLayout.CERTUTIL)
        return listed or NotUnderstood(self.line, self.name, digest[:_LONGEST_DIGEST])


def powershell_item(line: str) -> tuple[str, str] | None:
    """Return the key and the value that a line of Get-FileHash has in a list, ``None`` where it is none."""
    found = _POWERSHELL_ITEM.fullmatch(line)
    return found and (found["key"], found["value"].rstrip())


def listed_by_powershell(digest: str, name: str, number: int) -> UnderstoodLine:
    """Return what the items ``Hash`` and ``Path`` list."""
    listed = _one(name, algorithm_of_length(len(digest)), digest, ManifestLayout.POWERSHELL)
    return listed or NotUnderstood(number, name, digest[:_LONGEST_DIGEST])


def certutil_heading(line: str, number: int) -> CertutilHeading | None:
    """Return the heading that ``line`` is, ``None`` where it is none."""
    found = _CERTUTIL.fullmatch(line)
    return found and CertutilHeading(number, found["name"], found["first"] or found["second"])


_OF_ONE_LINE: Final = (
    (_BSD, ManifestLayout.BSD),
    (_MD5SUM, ManifestLayout.MD5SUM),
    (_POWERSHELL, ManifestLayout.POWERSHELL),
)


def listed_by_line(line: str, number: int) -> UnderstoodLine:
    """Return what a line that stands for itself lists."""
    if found := _TWO_DIGESTS.fullmatch(line):
        name, *digests = found["name"], found["first"], found["second"]
        several = (
            _one(name, algorithm_of_length(len(text)), text, ManifestLayout.MD5SUM) for text in digests
        )
        return tuple(chain.from_iterable(several))
    for pattern, layout in _OF_ONE_LINE:
        if found := pattern.fullmatch(line):
            return _found(found, number, _algorithm(found), layout)
    # A digest alone, or behind the name.
    first, _, last = line.strip().replace("\t", " ").rpartition(" ")
    if _DIGEST_ALONE.fullmatch(last):
        name = first.rstrip(" :=")
        listed = _one(name, algorithm_of_length(len(last)), last, ManifestLayout.MD5SUM)
        return listed or NotUnderstood(number, name, last)
    found = _NO_DIGEST.fullmatch(line)
    return _found(found, number, None, ManifestLayout.MD5SUM) if found else NotUnderstood(number)


def listed_by_hashdeep(line: str, columns: tuple[str, ...], number: int) -> UnderstoodLine:
    """Return what a line of hashdeep lists. The name comes last and is not quoted, whatever it holds."""
    fields = line.split(",", len(columns) - 1)
    if len(fields) != len(columns):
        return NotUnderstood(number)
    by_column = dict(zip(columns[:-1], fields[:-1], strict=True))
    size = by_column.get(_HASHDEEP_SIZE, "")
    listed = tuple(
        replace(one, size=int(size)) if _DECIMAL.fullmatch(size) else one
        for column, field in by_column.items()
        for one in _one(fields[-1], algorithm_named(column), field, ManifestLayout.HASHDEEP)
    )
    first = next((field for column, field in by_column.items() if algorithm_named(column) is not None), "")
    return listed or NotUnderstood(number, fields[-1], first[:_LONGEST_DIGEST])


def listed_in_table(table: ManifestTable, line: str, number: int) -> UnderstoodLine:
    """Return what a row of a table lists."""
    row = table.row(line)
    if row is None or len(row.digests) > MOST_COLUMNS:
        return NotUnderstood(number)
    listed = tuple(
        one
        for digest in row.digests
        for one in _one(row.file, algorithm_of_length(len(digest)), digest, ManifestLayout.CSV)
    )
    return listed or NotUnderstood(number, row.file, row.digests[0][:_LONGEST_DIGEST])


def _algorithm(found: re.Match[str]) -> Algorithm | None:
    named = found.groupdict().get("algorithm")
    if named is None:
        return algorithm_of_length(len(found["digest"]))
    return algorithm_named(named.upper().replace("SHA2-", "SHA"))


def _found(
    found: re.Match[str], number: int, algorithm: Algorithm | None, layout: ManifestLayout
) -> UnderstoodLine:
    name, digest, escaped = found["name"], found["digest"], found["escaped"]
    listed = _one(name, algorithm, digest, layout, escaped=escaped)
    return listed or NotUnderstood(number, _unescaped(name) if escaped else name, digest)


def _one(
    name: str, algorithm: Algorithm | None, digest: str, layout: ManifestLayout, *, escaped: str = ""
) -> tuple[ListedFile, ...]:
    if algorithm is None:
        return ()
    try:
        promised = bytes.fromhex(parse_digest(algorithm, digest))
    except ValueError:
        return ()
    written = _unescaped(name) if escaped else name
    return (ListedFile("" if written == _STANDARD_INPUT else written, algorithm, promised, layout),)


def _unescaped(name: str) -> str:
    return _ESCAPE.sub(lambda found: _ESCAPES[found[0]], name)
