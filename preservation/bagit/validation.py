"""Is it a bag, complete, valid (RFC 8493 section 3)? The verdict is a value, whatever is found."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from stat import S_ISDIR, S_ISREG

from preservation.bagit import codes
from preservation.bagit.algorithms import BagAlgorithm
from preservation.bagit.baginfo import NO_PAYLOAD, PayloadOxum, parse_payload_oxum
from preservation.bagit.declaration import CURRENT, BagItVersion
from preservation.bagit.findings import Findings
from preservation.bagit.folder_source import FolderSource
from preservation.bagit.litter import bag_below, has_declaration
from preservation.bagit.reading import BagContents, read_contents
from preservation.bagit.source import PAYLOAD, BagSource, DividedSource, Observed, Wanted
from preservation.bagit.structure_rules import STRUCTURE_RULES, fetched_length
from preservation.bagit.turns import taken_in_turns
from preservation.bagit.version_source import VersionSource, version_number_of
from preservation.errors import DeniedError, NotFoundError
from preservation.fixity.checking import Unreadable
from preservation.model.amounts import count
from preservation.model.issues import Issue
from preservation.model.paths import RelativePath, printable, quoted

_SAY_NOTHING_OF_COMPLETENESS = {codes.DIGEST_MISMATCH, codes.OXUM_MISMATCH}
_UNDECLARED = {codes.DECLARATION_MISSING, codes.DECLARATION_MALFORMED, codes.VERSION_UNKNOWN}


@dataclass(frozen=True, slots=True)
class Validation:
    """The verdict on a bag. ``valid`` and ``complete`` as in RFC 8493 section 3; warnings do not touch them.

    ``version`` is ``None`` where the bag does not properly declare it; ``payload`` is the size found.
    """

    bag: str
    valid: bool
    complete: bool
    issues: tuple[Issue, ...]
    version: BagItVersion | None = None
    payload: PayloadOxum = NO_PAYLOAD


def validate(bag: Path | BagSource, *, processes: int = 1) -> Validation:
    """Validate the bag in a folder, in a zip or tar archive, or from any source.

    So many ``processes`` digest the files, this one among them; more than one is for a process that
    runs no threads. Raises ``NotFoundError`` or ``DeniedError`` where there is nothing to be looked at.
    """
    source = open_source(bag) if isinstance(bag, Path) else bag
    if source is None:
        message = f"{printable(str(bag))} is neither a folder nor a zip or tar archive."
        return _no_verdict_on(str(bag), (codes.error(codes.NO_BAG, message),))
    findings = Findings()
    listing = source.listing()
    findings.extend(listing.issues)
    if not listing.whole:
        return _no_verdict_on(source.name, findings.issues)
    contents = read_contents(source, listing, findings)
    contents = _without_apple_doubles(contents, findings)
    for rule in STRUCTURE_RULES:
        findings.extend(rule(contents))
    payload = _check_fixity(source, contents, findings, processes)
    findings.extend(payload_oxum(contents, payload))
    return _verdict(source.name, contents, payload, findings)


def _without_apple_doubles(contents: BagContents, findings: Findings) -> BagContents:
    """Leave out of the listing what a Mac packed beside the files, and no manifest names."""
    doubles = contents.listing.apple_doubles
    unlisted = {
        path for path in doubles if not any(path in manifest.entries for manifest in contents.manifests)
    }
    if not unlisted:
        return contents
    for path in sorted(unlisted):
        message = f"'{path}' is what a Mac knows of the file or folder beside it, and no manifest names it."
        findings.add(codes.info(codes.APPLE_DOUBLE, message, path))
    return replace(contents, listing=replace(contents.listing, files=contents.listing.files - unlisted))


def _check_fixity(
    source: BagSource, contents: BagContents, findings: Findings, processes: int
) -> PayloadOxum:
    wanted = wanted_digests(contents)
    if processes == 1 or not isinstance(source, DividedSource):
        return check_digests(contents, source.digest(wanted), findings)

    def share(numbers: Iterable[int]) -> tuple[PayloadOxum, Findings]:
        found = Findings()
        return check_digests(contents, source.digest_parts(wanted, numbers), found), found

    shares = taken_in_turns(share, source.parts, processes)
    findings.join(found for _, found in shares)
    return PayloadOxum(sum(size.octets for size, _ in shares), sum(size.files for size, _ in shares))


def _no_verdict_on(name: str, issues: tuple[Issue, ...]) -> Validation:
    return Validation(name, valid=False, complete=False, issues=issues)


def _verdict(name: str, contents: BagContents, payload: PayloadOxum, findings: Findings) -> Validation:
    errors = findings.error_codes
    return Validation(
        bag=name,
        valid=not errors,
        complete=errors <= _SAY_NOTHING_OF_COMPLETENESS,
        issues=findings.issues,
        version=None if errors & _UNDECLARED else contents.declaration.version,
        payload=payload,
    )


def open_source(path: Path) -> BagSource | None:
    """Return the source for the bag at ``path``, or ``None`` where there is neither folder nor archive.

    Raises ``NotFoundError`` where there is nothing, ``DeniedError`` where it must not be looked at.
    """
    try:
        # The path is the user's, links and all; below it none is followed.
        real = path.resolve(strict=True)
        mode = real.stat().st_mode
        if S_ISDIR(mode):
            return _open_folder(real)
        return _open_archive(real) if S_ISREG(mode) else None
    except FileNotFoundError as failure:
        raise NotFoundError(f"There is nothing at {printable(str(path))}; check the path.") from failure
    except PermissionError as failure:
        raise DeniedError(f"{printable(str(path))} must not be read; check its permissions.") from failure


def _open_folder(path: Path) -> BagSource:
    number = version_number_of(path)
    if number is not None:
        return VersionSource(path, path.parent, number)
    if has_declaration(path) or (found := bag_below(path)) is None:
        return FolderSource(path)
    place, remarks = found
    return FolderSource(place, remarks=remarks)


def _open_archive(path: Path) -> BagSource | None:
    # Most bags are folders, and what reads archives takes a while to import.
    from preservation.archives.members import UnpackLimits  # noqa: PLC0415  see above
    from preservation.archives.walking import archive_kind  # noqa: PLC0415  see above
    from preservation.bagit.archive_source import ArchiveSource  # noqa: PLC0415  see above

    kind = archive_kind(path)
    return None if kind is None else ArchiveSource(path, kind, UnpackLimits())


def wanted_digests(contents: BagContents) -> Wanted:
    """Say for each file by which algorithms the manifests promise its digest."""
    manifests = [manifest for manifest in contents.manifests if manifest.checkable]
    if len(manifests) == 1:
        entries, only = manifests[0].entries, (manifests[0].algorithm,)
        return lambda path: only if path in entries else ()

    promises = [(manifest.entries, manifest.algorithm) for manifest in manifests]

    def wanted(path: RelativePath) -> tuple[BagAlgorithm, ...]:
        named: tuple[BagAlgorithm, ...] = ()
        for entries, algorithm in promises:
            if path in entries and algorithm not in named:
                named += (algorithm,)
        return named

    return wanted


def check_digests(
    contents: BagContents, observed: Iterable[tuple[RelativePath, Observed]], findings: Findings
) -> PayloadOxum:
    """Compare what was read of each file with what is promised of it, and return the size of the payload.

    The files are taken as they come and not remembered: there may be a million of them.
    """
    manifests = [manifest for manifest in contents.manifests if manifest.checkable]
    octets = files = 0
    for path, seen in observed:
        if path not in contents.listing.files:
            continue
        if isinstance(seen, Unreadable):
            message = f"{quoted(path)} cannot be read: {seen.reason}."
            findings.add(codes.error(codes.FILE_UNREADABLE, message, path))
            continue
        for manifest in manifests:
            promised = manifest.entries.get(path)
            if promised is not None and seen.digests[manifest.algorithm] != promised:
                message = (
                    f"{quoted(path)} is not the file that {manifest.path} promises: "
                    f"its {manifest.algorithm} is {seen.digests[manifest.algorithm]} and not {promised}."
                )
                findings.add(codes.error(codes.DIGEST_MISMATCH, message, path))
        if path in contents.fetch:
            findings.extend(fetched_length(contents, path, seen.size))
        if path.startswith(PAYLOAD):
            octets += seen.size
            files += 1
    return PayloadOxum(octets, files)


_LABEL = "payload-oxum"


def payload_oxum(contents: BagContents, found: PayloadOxum) -> Iterator[Issue]:
    """Compare the promised size with the one that was found. Of several promises the first counts."""
    promises = [element.value for element in contents.metadata if element.label.lower() == _LABEL]
    if not promises:
        return
    path = contents.declaration.metadata_file
    if len(promises) > 1:
        strict = contents.declaration.version >= CURRENT
        message = f"{path} gives Payload-Oxum {len(promises)} times."
        yield codes.error_if(strict, codes.OXUM_MALFORMED, message, path)
    promised = parse_payload_oxum(promises[0])
    if promised is None:
        message = f"{path}: Payload-Oxum is {quoted(promises[0][:80])} instead of octets.files."
        yield codes.error(codes.OXUM_MALFORMED, message, path)
    elif promised != found:
        message = (
            f"{path} promises a payload of {count(promised.files, 'file')} with "
            f"{count(promised.octets, 'byte')}; it has {count(found.files, 'file')} with "
            f"{count(found.octets, 'byte')}."
        )
        yield codes.error(codes.OXUM_MISMATCH, message, path)
