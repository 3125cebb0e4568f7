"""The state of orders as a page that can be printed, and as a table of objects."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Final

import msgspec

from flows.archive.orders.status import OrderedObject, OrderState, OrderSummary, ordered_object
from flows.archive.pages.plots import bar_plot
from flows.archive.pages.rendering import rendered_page
from flows.archive.reports.report import keep_file, make_reports_folder
from flows.installation.disk_faults import translated_faults
from flows.installation.wiring import SOFTWARE, Installation, now
from preservation.files.spreadsheet import Spreadsheet
from preservation.model.amounts import count
from preservation.model.identifiers import CollectionName

MOST_NAMED: Final = 200
"""So many objects that need attention are named on a page."""
_NO_WORD: Final = re.compile(r"\W+")
_LONGEST_SUFFIX: Final = 50
_NEED_ATTENTION: Final = {OrderState.SENT_BACK, OrderState.WAITING, OrderState.INTERRUPTED}


@dataclass(frozen=True, slots=True)
class StatusRequest:
    """Of which orders the state is asked; all where nothing is given."""

    collection: CollectionName | None = None
    batch: str | None = None
    vendor: str | None = None

    @property
    def words(self) -> str:
        """What is asked for, for people."""
        asked = (("collection", self.collection), ("batch", self.batch), ("vendor", self.vendor))
        return ", ".join(f"{name} {value}" for name, value in asked if value is not None)

    @property
    def suffix(self) -> str:
        """What distinguishes the file of its page: ``-maps-batch-3``."""
        asked = (("", self.collection), ("batch-", self.batch), ("vendor-", self.vendor))
        named = (f"-{kind}{value}" for kind, value in asked if value is not None)
        return _NO_WORD.sub("-", "".join(named))[:_LONGEST_SUFFIX]


@dataclass(slots=True)
class OrderStatus:
    """The state of the orders that were asked for; ``named`` are the first that need attention."""

    request: StatusRequest
    at: datetime
    summary: OrderSummary = field(default_factory=OrderSummary)
    named: list[OrderedObject] = field(default_factory=list)
    need_attention: int = 0


def gather_status(
    installation: Installation,
    request: StatusRequest,
    on_object: Callable[[OrderedObject], None] = lambda _: None,
) -> OrderStatus:
    """Return the state of orders as it is now; ``on_object`` gets each object. Raises ``StorageError``."""
    status = OrderStatus(request, now())
    today = status.at.date()
    for one in installation.orders.deliveries(request.collection, request.batch, request.vendor):
        found = ordered_object(one, today)
        on_object(found)
        status.summary.add(found)
        if found.overdue or found.state in _NEED_ATTENTION:
            status.need_attention += 1
            if len(status.named) < MOST_NAMED:
                status.named.append(found)
    return status


def headline(status: OrderStatus) -> str:
    """Return the gist in a sentence."""
    whole = status.summary.whole
    if not whole.ordered:
        return "Nothing is ordered."
    return (
        f"{count(whole.ordered, 'object')} ordered: {whole.accepted:,} accepted "
        f"({whole.accepted_at_once:,} at once), {whole.sent_back:,} sent back, {whole.waiting:,} waiting for "
        f"a person, {whole.interrupted:,} interrupted, {whole.missing:,} not delivered; "
        f"{whole.overdue:,} overdue."
    )


def status_page(status: OrderStatus) -> bytes:
    """Return the page."""
    weeks = status.summary.weeks(status.at.date())
    accepted = [(f"{one.first_day:%m-%d}", one.accepted_so_far) for one in weeks]
    plot = bar_plot(
        "accepted", "Objects accepted by the end of each week", accepted, lambda number: f"{number:,}"
    )
    return rendered_page(
        "orders.html.j2",
        status=status,
        asked=status.request.words,
        headline=headline(status),
        whole=status.summary.whole,
        groups=status.summary.in_order(),
        weeks=weeks,
        plot=plot,
        software=f"{SOFTWARE.name} {SOFTWARE.version}",
    )


def keep_status(installation: Installation, status: OrderStatus) -> Path:
    """Keep the page in ``reports/``, in place of one of that day and request; return where it is."""
    settings = installation.settings
    page = settings.reports / f"{status.at:%Y-%m-%d}-orders{status.request.suffix}.html"
    with translated_faults(settings):
        make_reports_folder(settings)
        keep_file(page, status_page(status))
    return page


class OrderTable:
    """The objects as CSV, one after the other."""

    def __init__(self, write: Callable[[bytes], object]) -> None:
        self._table = Spreadsheet(write)
        self._table.add(OrderedObject.__struct_fields__)

    def add(self, one: OrderedObject) -> None:
        """Write one more object."""
        self._table.add(map(_cell, msgspec.structs.astuple(one)))


def _cell(value: object) -> str:
    match value:
        case None:
            return ""
        case bool():
            return "yes" if value else "no"
        case datetime():
            return value.isoformat(timespec="seconds")
        case _:
            return str(value)
