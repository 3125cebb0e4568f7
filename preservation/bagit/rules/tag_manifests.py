"""A tag manifest names every payload manifest and no payload file or tag manifest (section 2.2.1).

It should name all other tag files. Where there is no tag manifest, nothing is demanded.
"""

from __future__ import annotations

from collections.abc import Iterator

from preservation.bagit import codes
from preservation.bagit.contents import BagContents, Manifest
from preservation.bagit.declaration import CURRENT
from preservation.bagit.sources.protocol import PAYLOAD
from preservation.model.issues import Issue
from preservation.model.paths import printable


def check(contents: BagContents) -> Iterator[Issue]:
    """Say what each tag manifest names that it must not, and does not name that it must or should."""
    strict = contents.declaration.version >= CURRENT
    payload_manifests = {manifest.path for manifest in contents.payload_manifests}
    tag_manifests = {manifest.path for manifest in contents.tag_manifests}
    tag_files = {path for path in contents.listing.files if not path.startswith(PAYLOAD)} - tag_manifests
    for manifest in contents.tag_manifests:
        yield from _payload_in(manifest)
        for path in sorted(tag_manifests & manifest.entries.keys()):
            message = f"{manifest.path} names {path}."
            yield codes.error_if(strict, codes.TAG_MANIFEST_IN_TAG_MANIFEST, message, path)
        for path in sorted(tag_files - manifest.entries.keys()):
            message = f"{manifest.path} does not name '{printable(path)}'."
            if path in payload_manifests:
                yield codes.error_if(strict, codes.MANIFEST_UNLISTED, message, path)
            else:
                yield codes.warning(codes.TAG_FILE_UNLISTED, message, path)


def _payload_in(manifest: Manifest) -> Iterator[Issue]:
    for path in manifest.entries:
        if path.startswith(PAYLOAD):
            message = f"{manifest.path} names the payload file '{printable(path)}'."
            yield codes.error(codes.PAYLOAD_IN_TAG_MANIFEST, message, path)
