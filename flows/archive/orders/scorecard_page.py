"""The scorecard of vendors as a page that can be printed, as JSON, and as a table of months."""

import re
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import Final

import msgspec

from flows.archive.orders.page import StatusRequest
from flows.archive.orders.scorecard import Scorecard, VendorMonth, VendorScore
from flows.archive.pages.plots import BarPlot, bar_plot
from flows.archive.pages.rendering import duration, rendered_page
from flows.archive.reports.report import keep_file, make_reports_folder
from flows.installation.disk_faults import translated_faults
from flows.installation.settings import Settings
from flows.installation.wiring import SOFTWARE
from preservation.files.spreadsheet import Spreadsheet
from preservation.model.amounts import count

_SECONDS_A_DAY: Final = 86_400
_PICTURE: Final = re.compile(r"data:image/jpeg;base64,[A-Za-z0-9+/=]{1,100000}")
_COLUMNS: Final = (
    *("vendor", "month", "deliveries", "sent_back", "objects", "accepted_at_once", "share_at_once"),
    *("ordered", "open", "late", "rescan_days", "answer_days", "commonest_fault"),
)


def scorecard_page(scorecard: Scorecard) -> bytes:
    """Return the page."""
    return rendered_page(
        "vendors.html.j2",
        scorecard=scorecard,
        vendors=[
            {
                "score": one,
                "headline": score_sentence(one),
                "plot": _trend(index, one),
                "rescan": _time(one.rescan_days),
                "answer": _time(one.answer_days),
                "faults": [(fault, list(filter(_PICTURE.fullmatch, fault.pictures))) for fault in one.faults],
            }
            for index, one in enumerate(scorecard.vendors)
        ],
        software=f"{SOFTWARE.name} {SOFTWARE.version}",
    )


def score_sentence(score: VendorScore) -> str:
    """Return the gist of a vendor's deliveries in a sentence."""
    whole = score.whole
    if not whole.deliveries:
        return f"{count(score.ordered, 'object')} ordered; nothing was accepted or sent back in that time."
    at_once = "" if whole.share_at_once is None else f" ({whole.share_at_once} %)"
    faults = "".join(f"; most often for: {one.title or one.code}" for one in score.faults[:1])
    return (
        f"Of {count(whole.objects, 'object')} delivered, {whole.accepted_at_once:,}{at_once} accepted "
        f"at the first time; {whole.sent_back:,} of {count(whole.deliveries, 'delivery', 'deliveries')} "
        f"sent back{faults}."
    )


def scorecard_json(scorecard: Scorecard) -> bytes:
    """Return all of it as one JSON object; pictures are counted, not repeated."""
    fields = msgspec.to_builtins(scorecard)
    for vendor, score in zip(fields["vendors"], scorecard.vendors, strict=True):
        vendor["whole"]["share_at_once"] = score.whole.share_at_once
        for month, counted in zip(vendor["months"], score.months, strict=True):
            month["share_at_once"] = counted.share_at_once
        for fault in vendor["faults"]:
            fault["pictures"] = len(fault["pictures"])
    return msgspec.json.format(msgspec.json.encode({"version": 1, **fields})) + b"\n"


def scorecard_csv(scorecard: Scorecard) -> bytes:
    """Return a row for each vendor, its month empty, and one for each of its months."""
    written = bytearray()
    table = Spreadsheet(written.extend)
    table.add(_COLUMNS)
    for score in scorecard.vendors:
        for row in _rows(score):
            table.add("" if value is None else str(value) for value in row)
    return bytes(written)


def keep_scorecard(settings: Settings, scorecard: Scorecard, asked: StatusRequest) -> Path:
    """Keep the page in ``reports/``, in place of one of that day and request; return where it is."""
    page = settings.reports / f"{scorecard.at:%Y-%m-%d}-vendors{asked.suffix}.html"
    with translated_faults(settings):
        make_reports_folder(settings)
        keep_file(page, scorecard_page(scorecard))
    return page


def _rows(score: VendorScore) -> Iterator[tuple[object, ...]]:
    fault = next((f"{one.code} {one.title}" for one in score.faults), "")
    times = (score.rescan_days, score.answer_days)
    of_all = (score.ordered, score.open, score.late, *(one and round(one, 2) for one in times), fault)
    for month, rest in chain([(score.whole, of_all)], ((one, ("",) * len(of_all)) for one in score.months)):
        figures = (month.deliveries, month.sent_back, month.objects, month.accepted_at_once)
        yield score.vendor, month.month, *figures, month.share_at_once, *rest


def _trend(index: int, score: VendorScore) -> BarPlot:
    values = [(one.month, _percent(one)) for one in score.months if one.objects]
    return bar_plot(f"vendor-{index}", "Accepted at the first time, in percent", values, lambda it: f"{it} %")


def _percent(month: VendorMonth) -> int:
    return month.share_at_once or 0


def _time(days: float | None) -> str:
    return "\N{EN DASH}" if days is None else duration(days * _SECONDS_A_DAY)
