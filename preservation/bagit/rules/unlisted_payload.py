"""Every payload file is in every payload manifest; before BagIt 1.0, in at least one (section 3)."""

from __future__ import annotations

from collections.abc import Iterator

from preservation.bagit import codes
from preservation.bagit.contents import BagContents
from preservation.bagit.declaration import CURRENT
from preservation.bagit.sources.protocol import PAYLOAD
from preservation.model.issues import Issue
from preservation.model.paths import RelativePath, printable


def check(contents: BagContents) -> Iterator[Issue]:
    """Say which payload files are in no manifest, and which not in every one."""
    manifests = contents.payload_manifests
    lacking: dict[RelativePath, list[str]] = {}
    for manifest in manifests:
        for path in contents.listing.files - manifest.entries.keys():
            if path.startswith(PAYLOAD):
                lacking.setdefault(path, []).append(manifest.path)
    for path in sorted(lacking):
        if len(lacking[path]) == len(manifests):
            yield codes.error(codes.FILE_UNLISTED, f"'{printable(path)}' is in no payload manifest.", path)
        elif contents.declaration.version >= CURRENT:
            message = f"'{printable(path)}' is not in {', '.join(lacking[path])}."
            yield codes.error(codes.FILE_UNLISTED_IN_ONE, message, path)
