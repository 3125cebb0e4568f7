"""A report as a page that a board can read and print, as JSON, and as a table of measures."""

from collections.abc import Iterator, Sequence
from io import BytesIO
from typing import Final

import msgspec

from flows.archive.pages.plots import bar_plot
from flows.archive.pages.rendering import rendered_page
from flows.archive.reports.contents import DueDay, HoldingsReport
from flows.archive.reports.intervals import within
from preservation.files.spreadsheet import Spreadsheet
from preservation.model.amounts import byte_size, count

_MONTHS: Final = 12
_FORMATS: Final = 10
_WEEK: Final = 7
_HEADINGS: Final = ("measure", "of", "value", "unit")


def report_page(report: HoldingsReport) -> bytes:
    """Return the report as a page that stands for itself."""
    months = report.months[-_MONTHS:]
    growth = [(f"{one.month:%Y-%m}", one.bytes_kept) for one in months]
    due = [(f"{one.day:%m-%d}", one.bytes) for one in report.due]
    return rendered_page(
        "report.html.j2",
        report=report,
        headline=headline(report),
        within=within(report.days),
        overdue=sum(one.overdue for one in report.stores),
        months=months,
        growth=bar_plot("growth", "Bytes kept at the end of each month", growth),
        formats=report.formats[:_FORMATS],
        more_formats=max(0, len(report.formats) - _FORMATS),
        verified=verified_sentence(report),
        forecast=bar_plot("forecast", "Bytes due to be read, by day", due),
        weeks=_weeks(report.due),
    )


def headline(report: HoldingsReport) -> str:
    """Return the gist of the report in a sentence or two."""
    stores = [one for one in report.stores if one.replicas]
    sites = {one.site for one in stores if one.configured}
    replicas = sum(one.replicas for one in stores)
    read = sum(one.read for one in stores)
    where = f"in {count(len(stores), 'store')} on {count(len(sites), 'site')}"
    share = f"{read:,} of {count(replicas, 'replica')} read as a whole within {within(report.days)}"
    damage = "no damage is open" if not report.damage.open else f"{count(report.damage.open, 'damage')} open"
    objects = count(report.kept.objects, "object")
    return f"{objects}, {byte_size(report.kept.bytes)} as dropped, {where}; {share}; {damage}."


def verified_sentence(report: HoldingsReport) -> str:
    """Return when the journal was verified, as far as that is recorded."""
    check = report.journal
    fault = f" The last run of that did not succeed: {check.fault}" if check.fault else ""
    if check.succeeded is None:
        return f"The journal: no run that verified it is recorded.{fault}"
    return f"The journal was verified last on {check.succeeded:%Y-%m-%d %H:%M} UTC.{fault}"


def report_json(report: HoldingsReport) -> bytes:
    """Return the report as JSON, one object on one line."""
    return msgspec.json.encode(report) + b"\n"


def report_csv(report: HoldingsReport) -> bytes:
    """Return every number of the report as a line of a table: what, of what, how much, in which unit."""
    sink = BytesIO()
    table = Spreadsheet(sink.write)
    table.add(_HEADINGS)
    for row in _rows(report):
        table.add(row)
    return sink.getvalue()


def _rows(report: HoldingsReport) -> Iterator[tuple[str, str, str, str]]:
    groups: tuple[tuple[str, str, Sequence[msgspec.Struct]], ...] = (
        ("kept", "", (report.kept,)),
        ("month", "month", report.months),
        ("collection", "collection", report.collections),
        ("format", "puid", report.formats),
        ("store", "store", report.stores),
        ("damage", "", (report.damage,)),
        ("restores", "", (report.restores,)),
        ("drills", "", (report.drills,)),
        ("deletions", "", (report.deletions,)),
        ("due", "day", report.due),
    )
    yield "report", "at", report.at.isoformat(), "time"
    yield "report", "since", report.since.isoformat(), "date"
    yield "report", "days", "by policy" if report.days is None else str(report.days), "days"
    for group, key, several in groups:
        for one in several:
            fields = msgspec.structs.asdict(one)
            of = str(fields.pop(key) or "not decided") if key else (report.collection or "all")
            for name, value in fields.items():
                if type(value) is int:
                    yield f"{group} {name}", of, str(value), "bytes" if "bytes" in name else name


def _weeks(due: Sequence[DueDay]) -> list[DueDay]:
    """Add up what is due by weeks; the last days that are no whole week are left out."""
    return [
        DueDay(
            due[start].day,
            sum(one.replicas for one in due[start : start + _WEEK]),
            sum(one.bytes for one in due[start : start + _WEEK]),
        )
        for start in range(0, len(due) - _WEEK + 1, _WEEK)
    ]
