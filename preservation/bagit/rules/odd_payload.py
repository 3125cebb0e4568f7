"""Payload files that are there by mistake more often than not deserve a warning."""

from __future__ import annotations

import re
from collections.abc import Iterator

from preservation.bagit import codes
from preservation.bagit.contents import BagContents
from preservation.bagit.declaration import BAGIT_TXT
from preservation.bagit.sources.protocol import PAYLOAD
from preservation.model.issues import Issue
from preservation.model.paths import printable

_LITTER = re.compile(
    r"/(\.ds_store|thumbs\.db|ehthumbs\.db|desktop\.ini|\.directory|\.localized|\._[^/]*)$"
    r"|/(__macosx|\.spotlight-v100|\.trashes|\.fseventsd|\$recycle\.bin)/",
    re.IGNORECASE,
)


def check(contents: BagContents) -> Iterator[Issue]:
    """Say which payload files an operating system left there, and where there is a bag in the bag."""
    for path in contents.listing.files:
        if not path.startswith(PAYLOAD):
            continue
        if path.endswith(f"/{BAGIT_TXT}"):
            message = f"'{printable(path)}' says that there is another bag in the payload."
            yield codes.warning(codes.BAG_IN_BAG, message, path)
        elif _LITTER.search(path):
            message = f"'{printable(path)}' was left there by an operating system."
            yield codes.warning(codes.SYSTEM_FILE, message, path)
