"""Payload files that are there by mistake more often than not deserve a warning."""

from __future__ import annotations

from collections.abc import Iterator

from preservation.bagit import codes
from preservation.bagit.contents import BagContents
from preservation.bagit.declaration import BAGIT_TXT
from preservation.bagit.sources.protocol import PAYLOAD
from preservation.model.issues import Issue
from preservation.model.paths import shown

_SYSTEM_FILES = {".ds_store", "thumbs.db", "desktop.ini", ".directory", ".localized", "ehthumbs.db"}
_SYSTEM_FOLDERS = {"__macosx", ".spotlight-v100", ".trashes", ".fseventsd", "$recycle.bin"}


def check(contents: BagContents) -> Iterator[Issue]:
    """Say which payload files an operating system left there, and where there is a bag in the bag."""
    for path in contents.listing.files:
        *folders, name = path.split("/")
        if name == BAGIT_TXT and path.startswith(PAYLOAD):
            message = f"'{shown(path)}' says that there is another bag in the payload."
            yield codes.warning(codes.BAG_IN_BAG, message, path)
        elif _is_litter(name.lower()) or not _SYSTEM_FOLDERS.isdisjoint(map(str.lower, folders)):
            message = f"'{shown(path)}' was left there by an operating system."
            yield codes.warning(codes.SYSTEM_FILE, message, path)


def _is_litter(name: str) -> bool:
    return name in _SYSTEM_FILES or name.startswith("._")
