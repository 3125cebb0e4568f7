"""``muniment report``: what is kept, in numbers, and what the installation can show of the NDSA levels."""

from __future__ import annotations

import sys
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from flows.cli.options import InstallationOption, JsonOption
from flows.cli.output import note, say, say_json

if TYPE_CHECKING:
    from preservation.model.identifiers import CollectionName

VERBS = typer.Typer(
    rich_markup_mode=None,
    invoke_without_command=True,
)
_ONE_YEAR: Final = timedelta(days=365)


class ReportFormat(StrEnum):
    """The forms of a report."""

    HTML = "html"
    JSON = "json"
    CSV = "csv"


@VERBS.callback()
def report(
    context: typer.Context,
    collection: Annotated[
        str | None, typer.Option("--collection", "-c", help="Only of this collection.")
    ] = None,
    since: Annotated[
        datetime | None,
        typer.Option(formats=["%Y-%m-%d"], metavar="DATE", help="Acts count from here; else one year back."),
    ] = None,
    days: Annotated[
        int | None,
        typer.Option(
            min=1, max=3650, metavar="N", help="Replicas unread for so long are overdue; else by policy."
        ),
    ] = None,
    format: Annotated[ReportFormat, typer.Option("--format", help="A page, JSON, or a table.")] = (  # noqa: A002  the option's name
        ReportFormat.HTML
    ),
    to: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write it there; else reports/, or stdout.")
    ] = None,
    installation: InstallationOption = None,
) -> None:
    """Report what is kept, on one page: growth, formats, replicas, what was read when, damage, drills.

    The page is for people who decide, and for print; it is kept in reports/. JSON and CSV go to stdout. No
    store is read for it: it has what catalogue, journal, audits and the records of drills and jobs have.

    Exit codes: 0 reported, 2 what is given can name no collection, 6 the database does not answer.

    Example: muniment report --since 2026-01-01 --format csv --to numbers.csv
    """
    if context.invoked_subcommand is not None:
        return
    from flows.archive.reports.gathering import ReportRequest
    from flows.archive.reports.page import headline, report_csv, report_json, report_page
    from flows.archive.reports.report import keep_report, make_report
    from flows.installation.settings_file import load_settings

    request = ReportRequest(
        _collection(collection), since.replace(tzinfo=UTC).date() if since else None, days
    )
    settings = load_settings(installation)
    if format is ReportFormat.HTML and to is None:
        made, page = keep_report(settings, request)
        say(headline(made))
        say(f"  page  {page}")
        return
    write = {
        ReportFormat.HTML: report_page,
        ReportFormat.JSON: report_json,
        ReportFormat.CSV: report_csv,
    }
    _write(write[format](make_report(settings, request)), to)


def _collection(name: str | None) -> CollectionName | None:
    from preservation.errors import ConfigurationError
    from preservation.model.identifiers import collection_name

    try:
        return collection_name(name) if name else None
    except ValueError as error:
        raise ConfigurationError(str(error)) from error


def _write(content: bytes, to: Path | None) -> None:
    from flows.archive.reports.report import keep_file
    from preservation.errors import StorageError
    from preservation.model.paths import printable

    if to is None:
        sys.stdout.buffer.write(content)
        sys.stdout.buffer.flush()
        return
    try:
        keep_file(to, content)
    except OSError as error:
        reason = error.strerror or str(error)
        raise StorageError(f"{printable(str(to))} cannot be written: {reason}; name another file") from error
    note(f"written to {printable(str(to))}")


@VERBS.command()
def vendor(
    since: Annotated[
        datetime | None,
        typer.Option(formats=["%Y-%m-%d"], metavar="DATE", help="Deliveries count from here; else one year."),
    ] = None,
    name: Annotated[str | None, typer.Option("--vendor", metavar="NAME", help="Only this vendor.")] = None,
    collection: Annotated[
        str | None, typer.Option("--collection", "-c", help="Only orders of this collection.")
    ] = None,
    format: Annotated[ReportFormat, typer.Option("--format", help="A page, JSON, or a table.")] = (  # noqa: A002  the option's name
        ReportFormat.HTML
    ),
    to: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write it there; else reports/, or stdout.")
    ] = None,
    installation: InstallationOption = None,
) -> None:
    """Report how vendors deliver what was ordered of them: accepted at once, sent back for what, how fast.

    The page has the commonest faults with pictures, and the trend by month. It counts deliveries that were
    accepted or sent back, of objects with an order. No store is read: faults come from the receipts.

    Exit codes: 0 reported, 2 what is given can name no collection, 6 the database does not answer.

    Example: muniment report vendor --since 2026-01-01 --vendor "Scan & Co"
    """
    from flows.archive.orders.page import StatusRequest
    from flows.archive.orders.scorecard import ScorecardRequest, make_scorecard
    from flows.archive.orders.scorecard_page import (
        keep_scorecard,
        score_sentence,
        scorecard_csv,
        scorecard_json,
        scorecard_page,
    )
    from flows.installation.settings_file import load_settings
    from flows.installation.wiring import now, open_installation
    from preservation.model.paths import printable

    at = now()
    settings = load_settings(installation)
    asked = StatusRequest(_collection(collection), vendor=name)
    begin = since.date() if since else (at - _ONE_YEAR).date()
    with open_installation(settings) as opened:
        made = make_scorecard(opened, ScorecardRequest(begin, asked.collection, name), at)
    if format is ReportFormat.HTML and to is None:
        for one in made.vendors:
            say(f"{printable(one.vendor or 'no vendor named')}: {score_sentence(one)}")
        say(f"  page  {keep_scorecard(settings, made, asked)}")
        return
    write = {
        ReportFormat.HTML: scorecard_page,
        ReportFormat.JSON: scorecard_json,
        ReportFormat.CSV: scorecard_csv,
    }
    _write(write[format](made), to)


@VERBS.command()
def ndsa(
    html: Annotated[bool, typer.Option("--html", help="A page in reports/, to be printed.")] = False,
    days: Annotated[
        int | None,
        typer.Option(min=1, max=3650, metavar="N", help="Replicas are to be read so often; else by policy."),
    ] = None,
    json: JsonOption = False,
    installation: InstallationOption = None,
) -> None:
    """Show what this installation can show of the NDSA Levels of Digital Preservation, version 2.0.

    For each of the 20 cells, five areas by four levels: what was found and by which query, what is lacking,
    and what only people can show. It is evidence for a self-assessment, and no certificate. No store is read.

    Exit codes: 0 also where something is lacking, 6 the database does not answer.

    Example: muniment report ndsa --html
    """
    from flows.archive.reports.ndsa import SHOWING_WORDS, keep_evidence, make_evidence
    from flows.installation.settings_file import load_settings
    from preservation.model.paths import printable

    settings = load_settings(installation)
    at, evidence = make_evidence(settings, days)
    if html:
        say(f"page  {keep_evidence(settings, at, evidence)}")
        return
    for one in evidence:
        if json:
            fields = {"area": one.area, "level": one.level, "asks": one.asks, "showing": one.showing}
            fields |= {"found": one.found, "by": one.by, "gap": one.gap, "unknowable": one.unknowable}
            say_json({**fields, "at": at})
            continue
        say(f"{one.area} {one.level}  {SHOWING_WORDS[one.showing].upper()}")
        say(f"    asks: {one.asks}")
        say(f"    found: {printable(one.found)}")
        if one.gap:
            say(f"    lacking: {printable(one.gap)}")
        if one.unknowable:
            say(f"    for people to show: {one.unknowable}")
