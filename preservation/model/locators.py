"""Where a file of a version lies, as a URI: how ``fetch.txt`` names what a later version does not repeat.

``muniment://maps/sheet-012/v1/data/originals/page%201.tif``: what stands behind ``muniment://`` is the
file's key, percent-encoded (RFC 3986 section 2.1). It names no server, so it is the same in every store.
``docs/adr/0005-a-version-holds-what-is-new.md`` says why it has this form.
"""

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Final
from urllib.parse import quote, unquote

from preservation.model.identifiers import PackageId, VersionNumber, parse_object_id
from preservation.model.paths import BagPath, StoreKey, bag_path

_SCHEME: Final = "muniment"
_RESERVED = re.compile("[^A-Za-z0-9_.~/-]+")
_URL = re.compile(rf"{_SCHEME}://([^/?#]+/[^/?#]+)/v([1-9][0-9]{{0,8}})/([^?#]+)")


@dataclass(frozen=True, slots=True)
class Locator:
    """A file of a version, and with it the key under which every store keeps its bytes."""

    package: PackageId
    path: BagPath

    @property
    def key(self) -> StoreKey:
        """The key, below the root of any store."""
        return StoreKey(f"{self.package.prefix}/{self.path}")

    @property
    def url(self) -> str:
        """The locator as an absolute URI: ASCII, without white space."""
        # Hardly any byte of a name needs it, and millions of names pass here.
        return f"{_SCHEME}://{_RESERVED.sub(_encoded, self.key)}"


def _encoded(match: re.Match[str]) -> str:
    return _percent_encoded(match[0])


@lru_cache(maxsize=512)
def _percent_encoded(text: str) -> str:
    return quote(text, safe="")


def parse_locator(url: str) -> Locator | None:
    """Return what ``url`` names, or ``None`` where it is no such URI or its path would leave the version."""
    match = _URL.fullmatch(url)
    if match is None:
        return None
    try:
        owner, path = (unquote(part, errors="strict") for part in (match[1], match[3]))
        return Locator(PackageId(parse_object_id(owner), VersionNumber(int(match[2]))), bag_path(path))
    except ValueError:
        return None
