"""A store that another installation filled: known by what lies there, and opened to be read."""

from contextlib import suppress
from pathlib import Path
from typing import Final

from flows.installation.settings import Settings
from flows.installation.store_kinds import STORE_KINDS
from flows.installation.store_settings import FolderStoreSettings, S3StoreSettings
from preservation.errors import ConfigurationError
from preservation.files.beneath import read_plain_file
from preservation.model.identifiers import StoreName
from preservation.model.layout import COMMITS
from preservation.model.paths import printable
from storage.ports.stores import Store

_NAME: Final = "former-store"
_BUCKET: Final = "s3://"
INCOMING: Final = ".incoming"
PACKAGE_MARK: Final = b"Muniment-Object-Version:"
"""What the bag-info.txt of every package has."""
_MOST_READ: Final = 1 << 20


def is_store(place: Path) -> bool:
    """Return whether a folder is laid out as a store, so that what lies there are packages of Muniment."""
    for version in place.glob("*/*/v*"):
        if any((version / commit).is_file() for commit in COMMITS):
            with suppress(OSError), read_plain_file(version / "bag-info.txt") as info:
                return PACKAGE_MARK in info.read(_MOST_READ)
            return False
    return False


def opened_former_store(place: Path, settings: Settings) -> Store:
    """Open a folder that another installation used as a store. It can be read, and is never written to.

    Raises ``ConfigurationError`` where it lacks the working area that every store has.
    """
    if not (place / INCOMING).is_dir():
        raise ConfigurationError(
            f"{printable(str(place))}: packages of Muniment lie there, and the folder {INCOMING} of a store "
            "does not, as in a copy without hidden names; make that folder there, empty, then run this again"
        )
    kind = STORE_KINDS["folder"]
    # Without an identity a store cannot be written to.
    return kind.store(FolderStoreSettings(kind="folder", name=_NAME, path=place, site="-"), settings, None)


def own_store_at(place: str, settings: Settings) -> StoreName | None:
    """Return the configured store that is this place, a folder or ``s3://bucket/prefix``, if one is."""
    for store in settings.store:
        if isinstance(store, S3StoreSettings):
            is_there = place.rstrip("/") == f"{_BUCKET}{store.bucket}/{store.prefix}".rstrip("/")
        else:
            is_there = settings.store_root(store).resolve() == Path(place).resolve()
        if is_there:
            return StoreName(store.name)
    return None


def is_bucket(place: str) -> bool:
    """Return whether a place is named as a bucket is."""
    return place.startswith(_BUCKET)
