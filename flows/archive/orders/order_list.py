"""A list of orders as a file: read in the cage, and understood as the collection's policy says."""

import hashlib
from pathlib import Path
from typing import Final

import msgspec

from flows.installation.wiring import Installation
from preservation.errors import NotFoundError, StorageError, UnacceptableContentError
from preservation.model.identifiers import CollectionName
from preservation.model.paths import printable
from preservation.orders.exchange import ListFault, ReadList
from preservation.orders.reading import ListedOrders, read_orders
from preservation.tools.work import Completed, Died, Exhausted, JobName, Refused, Request

JOB_MODULES: Final = ("preservation.orders.jobs",)
"""What the caged workers that read lists must preload."""

_READ_CSV: Final = JobName(f"{JOB_MODULES[0]}:read_csv")


def read_list(path: Path, collection: CollectionName, installation: Installation) -> ListedOrders:
    """Return what the list at ``path`` orders of ``collection``, or everything that is wrong with it.

    Raises ``NotFoundError`` where there is no such file, ``ConfigurationError`` where no policy governs the
    collection.
    """
    ordering = installation.policy_of(collection).terms.order
    require_file(path)
    separator = "" if ordering.separator is None else ordering.separator.value
    request = Request(_READ_CSV, {"separator": separator}, (path,))
    [outcome] = installation.caged_workers(JOB_MODULES).map([request])
    match outcome:
        case Completed(value):
            try:
                read = msgspec.convert(value, ReadList)
            except msgspec.ValidationError as error:
                read = _unread(f"what reads it no longer makes sense: {error}")
        case Refused(reason) | Died(reason):
            read = _unread(f"it cannot be read: {reason}")
        case Exhausted(limit, detail):
            read = _unread(f"reading it takes more {limit} than it may ({detail})")
    return read_orders(read, collection, ordering)


def require_file(path: Path) -> None:
    """Raise ``NotFoundError`` where there is no file at ``path``."""
    if not path.is_file():
        raise NotFoundError(f"{printable(str(path))}: there is no such file; check the path")


def digest_of_list(path: Path) -> str:
    """Return the SHA-256 of a list. Raises ``StorageError`` where it cannot be read."""
    try:
        with path.open("rb") as source:
            return hashlib.file_digest(source, "sha256").hexdigest()
    except OSError as error:
        raise StorageError(f"{printable(str(path))} cannot be read: {error.strerror or error}") from error


def refused(path: Path, listed: ListedOrders) -> UnacceptableContentError:
    """Return the error for a list that has faults; what they are is told apart from it."""
    found = len(listed.faults)
    return UnacceptableContentError(
        f"{printable(str(path))}: {found:,} fault{'' if found == 1 else 's'}, so nothing of it was imported; "
        "correct the list and import it again"
    )


def _unread(sentence: str) -> ReadList:
    return ReadList("", (), (ListFault(0, "", printable(sentence)),))
