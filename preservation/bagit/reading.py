"""Reading a bag's tag files: what they say, and every way in which they are not what they must be."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from preservation.bagit import codes
from preservation.bagit.algorithms import BagAlgorithm, hex_length, normalized_name
from preservation.bagit.baginfo import MetadataElement, parse_bag_info
from preservation.bagit.declaration import BAGIT_TXT, CURRENT, Declaration, parse_declaration
from preservation.bagit.fetch import FETCH_TXT, parse_fetch
from preservation.bagit.findings import Findings
from preservation.bagit.manifests import MANIFEST_NAME, MalformedLine, ManifestEntry, ManifestLine, parse_line
from preservation.bagit.resolving import Looseness, PathResolver
from preservation.bagit.source import BagSource, Listing
from preservation.bagit.tagtext import TagAllowance, TagText, TagTextError
from preservation.model.amounts import count
from preservation.model.digests import HexDigest
from preservation.model.issues import Issue
from preservation.model.paths import RelativePath, is_utf8, printable, quoted


@dataclass(frozen=True, slots=True)
class Manifest:
    """A payload or tag manifest. ``entries`` gives the promised digest of each file, by its path in the bag.

    ``checkable`` says that the algorithm can be computed here.
    """

    path: RelativePath
    algorithm: BagAlgorithm
    entries: Mapping[RelativePath, HexDigest]
    checkable: bool


@dataclass(frozen=True, slots=True)
class ToFetch:
    """A payload file that ``fetch.txt`` says where to get; ``length`` in bytes where it says so."""

    url: str
    length: int | None


@dataclass(frozen=True, slots=True)
class BagContents:
    """Everything about the bag but the bytes of its files."""

    listing: Listing
    declaration: Declaration
    payload_manifests: tuple[Manifest, ...]
    tag_manifests: tuple[Manifest, ...]
    metadata: tuple[MetadataElement, ...]
    fetch: Mapping[RelativePath, ToFetch]

    @property
    def manifests(self) -> tuple[Manifest, ...]:
        """All manifests, those of the payload first."""
        return (*self.payload_manifests, *self.tag_manifests)


_USUAL_LINE = re.compile(r"([0-9a-f]+)  ([!-$&-)+-~][ -$&-~]*)")
"""A digest in lower case and a path in ASCII that is not encoded: it can only mean what it says."""

_CODES_OF_LOOSENESS = {
    Looseness.NORMALIZATION: codes.NAME_NORMALIZED,
    Looseness.BACKSLASHES: codes.SEPARATORS_WRONG,
}

_LARGEST_DECLARATION = 1 << 16
_SHOWN = 160
"""Characters of a line that a message shows."""


def read_contents(source: BagSource, listing: Listing, findings: Findings) -> BagContents:
    """Read every tag file that RFC 8493 describes; what is wrong with them goes to ``findings``."""
    declaration = _read_declaration(source, listing, findings)
    reader = _TagFiles(source, listing, declaration, findings)
    manifests: dict[bool, list[Manifest]] = {True: [], False: []}
    for path in sorted(path for path in listing.files if "/" not in path):
        named = MANIFEST_NAME.fullmatch(path)
        if named is not None:
            manifests[bool(named[1])].append(reader.manifest(path, named[2]))
    return BagContents(
        listing,
        declaration,
        tuple(manifests[False]),
        tuple(manifests[True]),
        tuple(reader.metadata()),
        reader.fetch(),
    )


def _read_declaration(source: BagSource, listing: Listing, findings: Findings) -> Declaration:
    if BAGIT_TXT not in listing.files:
        findings.add(codes.error(codes.DECLARATION_MISSING, "There is no bag declaration, bagit.txt."))
        return Declaration()
    try:
        with source.open_tag_file(BAGIT_TXT) as stream:
            declaration, issues = parse_declaration(stream.read(_LARGEST_DECLARATION))
    except OSError as failure:
        findings.add(_unreadable(BAGIT_TXT, failure))
        return Declaration()
    findings.extend(issues)
    return declaration


class _TagFiles:
    def __init__(
        self, source: BagSource, listing: Listing, declared: Declaration, findings: Findings
    ) -> None:
        self._source = source
        self._files = listing.files
        self._declaration = declared
        self._findings = findings
        self._strict = declared.version >= CURRENT
        self._resolver = PathResolver(listing.files, declared.version)
        self._allowance = TagAllowance()

    def manifest(self, path: RelativePath, name: str) -> Manifest:
        algorithm = normalized_name(name)
        if path not in {f"manifest-{algorithm}.txt", f"tagmanifest-{algorithm}.txt"}:
            message = f"{printable(path)} would be named in lower case, letters and digits only: {algorithm}."
            self._findings.add(codes.warning(codes.MANIFEST_NAME_LOOSE, message, path))
        length = hex_length(algorithm)
        if length is None:
            message = f"{printable(path)}: the algorithm {quoted(name)} cannot be computed here."
            self._findings.add(codes.warning(codes.ALGORITHM_UNKNOWN, message, path))
        entries = _Entries(path, length, self._resolver, self._findings, self._strict)
        entries.take(self._lines(path))
        entries.conclude()
        return Manifest(path, algorithm, entries.by_path, length is not None)

    def metadata(self) -> Iterator[MetadataElement]:
        path = self._declaration.metadata_file
        loose = 0
        for line in parse_bag_info(self._encoded_lines(path)) if path in self._files else ():
            if isinstance(line, MalformedLine):
                message = f"{path}, line {line.number}: {quoted(line.text[:80])} is no label and value."
                self._findings.add(codes.error(codes.BAG_INFO_MALFORMED, message, path))
                continue
            loose += line.loose
            yield line
        if loose and self._strict:
            message = f"{path}: the colon of {loose:,} elements does not have just one space behind it."
            self._findings.add(codes.warning(codes.BAG_INFO_LOOSE, message, path))

    def fetch(self) -> dict[RelativePath, ToFetch]:
        to_fetch: dict[RelativePath, ToFetch] = {}
        for line in parse_fetch(self._encoded_lines(FETCH_TXT)) if FETCH_TXT in self._files else ():
            if isinstance(line, MalformedLine):
                text = printable(line.text[:80])
                message = f"fetch.txt, line {line.number}: '{text}' is no URL, length and path."
                self._findings.add(codes.error(codes.FETCH_MALFORMED, message, FETCH_TXT))
                continue
            path = self._resolver.resolve(line.path).path
            if path in to_fetch:
                message = f"fetch.txt names {quoted(path)} more than once."
                self._findings.add(codes.warning(codes.FETCH_INEXACT, message, path))
            to_fetch[path] = ToFetch(line.url, line.length)
        return to_fetch

    def _encoded_lines(self, path: RelativePath) -> Iterator[str]:
        """Yield each line; one that is not in the bag's encoding is reported, and comes with escapes."""
        for number, line in enumerate(self._lines(path), 1):
            if line.isascii() or is_utf8(line):
                yield line
                continue
            self._findings.add(_not_encoded(path, number, line))
            yield printable(line)

    def _lines(self, path: RelativePath) -> Iterator[str]:
        try:
            with self._source.open_tag_file(path) as stream:
                text = TagText(stream, self._declaration.encoding, self._allowance)
                if text.has_needless_mark:
                    message = f"{printable(path)} begins with a byte-order mark."
                    self._findings.add(codes.error_if(self._strict, codes.BYTE_ORDER_MARK, message, path))
                yield from text
        except (OSError, TagTextError) as failure:
            self._findings.add(_unreadable(path, failure))


@dataclass(slots=True)
class _Entries:
    """Gathers the entries of one manifest, and how many of them are written otherwise than they must be."""

    manifest: RelativePath
    hex_length: int | None
    resolver: PathResolver
    findings: Findings
    strict: bool
    by_path: dict[RelativePath, HexDigest] = field(default_factory=dict)
    normalized: set[RelativePath] = field(default_factory=set)
    legacy: int = 0
    loose: Counter[Looseness] = field(default_factory=Counter)

    def take(self, lines: Iterable[str]) -> None:
        by_path, means_itself, usual = self.by_path, self.resolver.means_itself, _USUAL_LINE.fullmatch
        for number, line in enumerate(lines, 1):
            match = usual(line)
            if match is not None:
                # Nearly every line of nearly every bag is such, and there may be a million.
                digest, path = HexDigest(match[1]), RelativePath(match[2])
                if len(digest) == self.hex_length and path not in by_path and means_itself(path):
                    by_path[path] = digest
                    continue
            self._take_line(parse_line(number, line))

    def _take_line(self, line: ManifestLine) -> None:
        if isinstance(line, ManifestEntry):
            self._take_entry(line)
        elif isinstance(line, MalformedLine):
            self._malformed(line.number, f"{quoted(line.text[:80])} is no digest and path")
        else:
            self.legacy += 1

    def _take_entry(self, entry: ManifestEntry) -> None:
        if len(entry.digest) != self.hex_length and self.hex_length is not None:
            self._malformed(entry.number, f"{entry.digest[:140]} is not as long as a digest must be")
            return
        self.legacy += entry.legacy
        path, _, looseness = self.resolver.resolve(entry.path)
        if not entry.path.isascii() and not is_utf8(entry.path):
            self.findings.add(_not_encoded(self.manifest, entry.number, entry.path))
        if looseness is not None:
            self.loose[looseness] += 1
            if looseness is Looseness.NORMALIZATION:
                self.normalized.add(path)
        if path in self.by_path:
            self._listed_again(path, entry)
        else:
            self.by_path[path] = entry.digest

    def _listed_again(self, path: RelativePath, entry: ManifestEntry) -> None:
        what = f"{self.manifest}, line {entry.number}: {quoted(path)} is listed again"
        if self.by_path[path] != entry.digest:
            issue = codes.error(codes.LISTED_TWICE_DIFFERENTLY, f"{what}, with another digest.", path)
        elif path in self.normalized:
            issue = codes.warning(codes.NAMES_ALIKE, f"{what}, in another Unicode normalization.", path)
        else:
            message = f"{what}, with the same digest."
            issue = codes.error_if(self.strict, codes.LISTED_TWICE, message, path)
        self.findings.add(issue)

    def conclude(self) -> None:
        name = printable(self.manifest)
        if self.legacy:
            message = f"{name}: {self.legacy:,} lines are blank, comments, or marked as md5sum marks them."
            self.findings.add(codes.warning(codes.MANIFEST_LEGACY, message, self.manifest))
        for looseness, number in self.loose.items():
            message = f"{name}: {count(number, 'path')} written {looseness.value}."
            code = _CODES_OF_LOOSENESS.get(looseness, codes.PATH_LOOSE)
            is_wrong = looseness is Looseness.BACKSLASHES
            self.findings.add(codes.error_if(is_wrong, code, message, self.manifest))

    def _malformed(self, number: int, what: str) -> None:
        message = f"{printable(self.manifest)}, line {number}: {what}."
        self.findings.add(codes.error(codes.MANIFEST_LINE_MALFORMED, message, self.manifest))


def _not_encoded(path: RelativePath, number: int, text: str) -> Issue:
    """Return the issue of a line that is not text in UTF-8; only there, such bytes come through at all."""
    shown = printable(text[:_SHOWN])
    message = (
        f"{printable(path)}, line {number}: '{shown}' is not in UTF-8, the encoding that bagit.txt names."
    )
    return codes.error(codes.TAG_FILE_UNREADABLE, message, path)


def _unreadable(path: RelativePath, failure: OSError | TagTextError) -> Issue:
    why = (failure.strerror if isinstance(failure, OSError) else None) or failure
    return codes.error(codes.TAG_FILE_UNREADABLE, f"{printable(path)} cannot be read: {why}.", path)
