"""Every bag has a payload folder and a payload manifest that can be checked (sections 2.1.2 and 2.1.3).

The bag declaration is required too; it is read, and missed, before anything else is.
"""

from __future__ import annotations

from collections.abc import Iterator

from preservation.bagit import codes
from preservation.bagit.contents import BagContents
from preservation.model.issues import Issue


def check(contents: BagContents) -> Iterator[Issue]:
    """Say which required element is missing."""
    if not contents.listing.payload_folder:
        yield codes.error(codes.PAYLOAD_FOLDER_MISSING, "There is no payload folder, data.")
    if not contents.payload_manifests:
        yield codes.error(
            codes.PAYLOAD_MANIFEST_MISSING, "There is no payload manifest, such as manifest-sha256.txt."
        )
    elif not any(manifest.checkable for manifest in contents.payload_manifests):
        yield codes.error(
            codes.PAYLOAD_MANIFEST_MISSING,
            "No payload manifest is by an algorithm that can be computed here.",
        )
