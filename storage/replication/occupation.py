"""Whether something lies already where a version is to be written, and is not its own."""

from enum import Enum, auto

from preservation.errors import NotFoundError
from preservation.model.identifiers import PackageId
from preservation.model.layout import COMMITS
from preservation.model.locators import Locator
from preservation.model.paths import printable
from storage.ports.stores import Store


class Occupation(Enum):
    """What lies under the number of a version in a store."""

    EMPTY = auto()
    UNCOMMITTED = auto()
    COMMITTED = auto()


def what_lies_in(store: Store, package: PackageId) -> Occupation:
    """Return what lies under the number of a version. Raises ``StorageError`` where the store is away."""
    if next(iter(store.list(package.prefix)), None) is None:
        return Occupation.EMPTY
    for path in COMMITS:
        try:
            store.stat(Locator(package, path).key)
        except NotFoundError:
            continue
        return Occupation.COMMITTED
    return Occupation.UNCOMMITTED


def occupied_sentence(store: Store, package: PackageId) -> str:
    """Return why nothing is written there, and what to do."""
    place = printable(store.location(package.prefix))
    return (
        f"{package}: something lies in {place} that is no whole version, and was not written for this one; "
        "nothing of it was changed: find out whose it is, move that folder elsewhere, then run this again"
    )
