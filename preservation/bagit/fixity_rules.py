"""The rules of RFC 8493 on the bytes of files: every digest (section 3), the payload's size (2.2.2)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from preservation.bagit import codes
from preservation.bagit.algorithms import BagAlgorithm
from preservation.bagit.baginfo import PayloadOxum, parse_payload_oxum
from preservation.bagit.contents import BagContents
from preservation.bagit.declaration import CURRENT
from preservation.bagit.findings import Findings
from preservation.bagit.source import PAYLOAD, Observed, Wanted
from preservation.bagit.structure_rules import fetched_length
from preservation.fixity.checking import Unreadable
from preservation.model.issues import Issue
from preservation.model.paths import RelativePath, printable


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
        if isinstance(seen, Unreadable):
            message = f"'{printable(path)}' cannot be read: {seen.reason}."
            findings.add(codes.error(codes.FILE_UNREADABLE, message, path))
            continue
        for manifest in manifests:
            promised = manifest.entries.get(path)
            if promised is not None and seen.digests[manifest.algorithm] != promised:
                message = (
                    f"'{printable(path)}' is not the file that {manifest.path} promises: "
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
        message = f"{path}: Payload-Oxum is '{printable(promises[0][:80])}' instead of octets.files."
        yield codes.error(codes.OXUM_MALFORMED, message, path)
    elif promised != found:
        message = (
            f"{path} promises a payload of {promised.files:,} files with {promised.octets:,} bytes; "
            f"there are {found.files:,} files with {found.octets:,} bytes."
        )
        yield codes.error(codes.OXUM_MISMATCH, message, path)
