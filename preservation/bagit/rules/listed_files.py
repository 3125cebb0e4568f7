"""Every file that a manifest names is in the bag, in the part that the manifest is for (section 3).

Before BagIt 0.97 a tag file could be absent though a tag manifest names it.
"""

from __future__ import annotations

from collections.abc import Iterator

from preservation.bagit import codes
from preservation.bagit.contents import BagContents, Manifest
from preservation.bagit.declaration import BagItVersion
from preservation.bagit.resolving import fault_of_listed_path
from preservation.bagit.sources.protocol import PAYLOAD
from preservation.model.issues import Issue
from preservation.model.locators import parse_locator
from preservation.model.paths import RelativePath, printable

_TAG_FILES_REQUIRED = BagItVersion(0, 97)


def check(contents: BagContents) -> Iterator[Issue]:
    """Say what is named and is not there, once for each file, and what is named where it must not be."""
    files = contents.listing.files
    absent: dict[RelativePath, list[Manifest]] = {}
    for manifest in contents.manifests:
        for path in manifest.entries.keys() - files:
            absent.setdefault(path, []).append(manifest)
    for path in sorted(absent):
        yield _absent(path, absent[path], contents)
    for manifest in contents.payload_manifests:
        for path in manifest.entries:
            if not path.startswith(PAYLOAD) and path not in absent:
                message = f"{manifest.path} names '{printable(path)}', which is not in the payload folder."
                yield codes.error(codes.OUTSIDE_PAYLOAD, message, path)


def _absent(path: RelativePath, manifests: list[Manifest], contents: BagContents) -> Issue:
    named = f"'{printable(path)}' is named by {', '.join(manifest.path for manifest in manifests)}"
    fault = fault_of_listed_path(path)
    if fault is not None:
        return codes.error(codes.PATH_UNSAFE, f"{named}: {fault}.", path)
    if path in contents.fetch:
        return codes.error(codes.FILE_NOT_FETCHED, f"{named}, {_to_fetch(contents.fetch[path].url)}.", path)
    of_payload = any(manifest in contents.payload_manifests for manifest in manifests)
    if of_payload and not path.startswith(PAYLOAD):
        return codes.error(codes.OUTSIDE_PAYLOAD, f"{named}, but is not in the payload folder.", path)
    optional = not of_payload and contents.declaration.version < _TAG_FILES_REQUIRED
    return codes.error_if(not optional, codes.FILE_MISSING, f"{named}, but is not in the bag.", path)


def _to_fetch(url: str) -> str:
    """Say where a file is to be had: in which earlier version, or under which URL."""
    locator = parse_locator(url)
    if locator is None:
        return f"and must first be fetched from {url}"
    return f"lies in {locator.package} as '{printable(locator.path)}', and is not there beside this bag"
