"""A report as markdown, for the UI in which its job is started."""

import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Final

from flows.archive.reports.contents import HoldingsReport, ReportedActs
from flows.archive.reports.page import headline, verified_sentence
from preservation.model.amounts import byte_size
from preservation.model.paths import printable

_MONTHS: Final = 12
_FORMATS: Final = 10
_SPECIAL = re.compile(r"([\\`*_{}\[\]<>()#+!|~-])")


def report_markdown(report: HoldingsReport, page: Path) -> str:
    """Return the gist of the report, with where its ``page`` is; names in it are shown as text."""
    return "\n".join(_lines(report, page))


def _lines(report: HoldingsReport, page: Path) -> Iterator[str]:
    yield f"{_text(headline(report))}\n\nThe page to print: {_text(str(page))}\n"
    yield from _table(
        ("Store", "Site", "Replicas", "Size", "Read in time", "Overdue", "Lacking"),
        (
            (
                one.store,
                one.site,
                f"{one.replicas:,}",
                byte_size(one.bytes),
                f"{one.read:,}",
                f"{one.overdue:,}",
                f"{one.lacking:,}",
            )
            for one in report.stores
        ),
    )
    yield from _table(
        ("Collection", "Objects", "Files", "Size", "Overdue"),
        (
            (one.collection, f"{one.objects:,}", f"{one.files:,}", byte_size(one.bytes), f"{one.overdue:,}")
            for one in report.collections
        ),
    )
    yield from _table(
        ("Month", "Objects", "Versions", "Came in", "Kept then"),
        (
            (
                f"{one.month:%Y-%m}",
                f"{one.objects:,}",
                f"{one.versions:,}",
                byte_size(one.bytes),
                byte_size(one.bytes_kept),
            )
            for one in report.months[-_MONTHS:]
        ),
    )
    yield from _table(
        ("Format", "PRONOM", "Files", "Size"),
        (
            (one.name or "not decided", one.puid or "", f"{one.files:,}", byte_size(one.bytes))
            for one in report.formats[:_FORMATS]
        ),
    )
    damage = report.damage
    yield f"Since {report.since}:\n"
    yield (
        f"- damage: {damage.found:,} found, {damage.healed:,} healed, {damage.closed:,} closed; open now: "
        f"{damage.open:,}"
    )
    yield from (f"- {_text(one)}" for one in damage.named)
    yield f"- restores: {_acts(report.restores)}; drills: {_acts(report.drills)}"
    yield f"- removals: {_acts(report.deletions)}"
    yield f"- {_text(verified_sentence(report))}"


def _table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    yield f"| {' | '.join(headings)} |"
    yield f"|{'---|' * len(headings)}"
    yield from (f"| {' | '.join(map(_text, row))} |" for row in rows)
    yield ""


def _acts(of: ReportedActs) -> str:
    return f"{of.acts:,}" + (f" ({of.failed:,} did not end well)" if of.failed else "")


def _text(text: str) -> str:
    return _SPECIAL.sub(r"\\\1", printable(text))
