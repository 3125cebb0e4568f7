"""The payload has the size that ``Payload-Oxum`` promises, if the bag's metadata has it (section 2.2.2)."""

from __future__ import annotations

from collections.abc import Iterator

from preservation.bagit import codes
from preservation.bagit.baginfo import PayloadOxum, parse_payload_oxum
from preservation.bagit.contents import BagContents
from preservation.bagit.declaration import CURRENT
from preservation.model.issues import Issue
from preservation.model.paths import printable

_LABEL = "payload-oxum"


def check(contents: BagContents, found: PayloadOxum) -> Iterator[Issue]:
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
