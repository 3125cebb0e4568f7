"""Every file in ``fetch.txt`` is a payload file that the payload manifests promise (section 2.2.3)."""

from __future__ import annotations

from collections.abc import Iterator

from preservation.bagit import codes
from preservation.bagit.contents import BagContents
from preservation.bagit.declaration import CURRENT
from preservation.bagit.resolving import fault_of_listed_path
from preservation.bagit.sources.protocol import PAYLOAD
from preservation.model.issues import Issue
from preservation.model.paths import RelativePath, printable


def check(contents: BagContents) -> Iterator[Issue]:
    """Say which entries of the fetch file promise what no manifest does."""
    for path in contents.fetch:
        fault = fault_of_listed_path(path)
        if fault is not None:
            yield codes.error(codes.PATH_UNSAFE, f"fetch.txt names '{printable(path)}': {fault}.", path)
        elif not path.startswith(PAYLOAD):
            message = f"fetch.txt names '{printable(path)}', which is no payload file."
            yield codes.error(codes.FETCH_UNLISTED, message, path)
        elif not _promised(path, contents):
            message = f"fetch.txt names '{printable(path)}', which is not in the payload manifests."
            yield codes.error(codes.FETCH_UNLISTED, message, path)


def check_length(contents: BagContents, path: RelativePath, size: int) -> Iterator[Issue]:
    """Say whether a file that was fetched has not the length, in bytes, that the fetch file gives."""
    length = contents.fetch[path].length
    if length is not None and length != size:
        message = f"fetch.txt says that '{printable(path)}' has {length:,} bytes; it has {size:,}."
        yield codes.warning(codes.FETCH_INEXACT, message, path)


def _promised(path: RelativePath, contents: BagContents) -> bool:
    listed = [path in manifest.entries for manifest in contents.payload_manifests]
    return all(listed) if contents.declaration.version >= CURRENT else any(listed)
