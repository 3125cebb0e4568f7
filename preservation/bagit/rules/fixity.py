"""Every digest in every manifest is that of the file it is for (section 3)."""

from __future__ import annotations

from collections.abc import Iterable

from preservation.bagit import codes
from preservation.bagit.algorithms import BagAlgorithm
from preservation.bagit.baginfo import PayloadOxum
from preservation.bagit.contents import BagContents
from preservation.bagit.findings import Findings
from preservation.bagit.rules import fetch_file
from preservation.bagit.sources.protocol import PAYLOAD, Observed, Wanted
from preservation.fixity.checking import Unreadable
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


def check(
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
            findings.extend(fetch_file.check_length(contents, path, seen.size))
        if path.startswith(PAYLOAD):
            octets += seen.size
            files += 1
    return PayloadOxum(octets, files)
