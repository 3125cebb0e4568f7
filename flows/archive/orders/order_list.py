"""A list of orders as a file: read in the cage, and understood as the collection's policy says."""

import re
from pathlib import Path
from typing import Final

import msgspec

from flows.installation.wiring import Installation
from preservation.errors import NotFoundError, UnacceptableContentError
from preservation.model.identifiers import CollectionName
from preservation.model.paths import extension_of, printable
from preservation.orders.exchange import ListFault, ReadList
from preservation.orders.reading import DATES, ListedOrders, read_orders
from preservation.tools.work import Completed, Died, Exhausted, JobName, Refused, Request

_OF_CSV: Final = ("preservation.orders.jobs",)
_OF_WORKBOOKS: Final = ("preservation.orders.workbook",)
_READ_CSV: Final = JobName(f"{_OF_CSV[0]}:read_csv")
_READ_WORKBOOK: Final = JobName(f"{_OF_WORKBOOKS[0]}:read_workbook")
_WORKBOOK: Final = "xlsx"
_DIGEST: Final = re.compile(r"[0-9a-f]{64}")


def read_list(path: Path, collection: CollectionName, installation: Installation) -> ListedOrders:
    """Return what the list at ``path`` orders of ``collection``, or everything that is wrong with it.

    Raises ``NotFoundError`` where there is no such file, ``ConfigurationError`` where no policy governs the
    collection.
    """
    ordering = installation.policy_of(collection).terms.order
    require_file(path)
    if extension_of(path.name) == _WORKBOOK:
        modules = _OF_WORKBOOKS
        request = Request(_READ_WORKBOOK, {"date_form": DATES[ordering.dates]}, (path,))
    else:
        modules = _OF_CSV
        separator = "" if ordering.separator is None else ordering.separator.value
        request = Request(_READ_CSV, {"separator": separator}, (path,))
    [outcome] = installation.caged_workers(modules).map([request])
    match outcome:
        case Completed(value):
            try:
                read = msgspec.convert(value, ReadList)
                if _DIGEST.fullmatch(read.digest) is None:
                    read = _unread("what reads it no longer makes sense: it states no digest")
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


def refused(path: Path, listed: ListedOrders) -> UnacceptableContentError:
    """Return the error for a list that has faults; what they are is told apart from it."""
    found = len(listed.faults)
    return UnacceptableContentError(
        f"{printable(str(path))}: {found:,} fault{'' if found == 1 else 's'}, so nothing of it was imported; "
        "correct the list and import it again"
    )


def _unread(sentence: str) -> ReadList:
    return ReadList("", (), (ListFault(0, "", printable(sentence)),))
