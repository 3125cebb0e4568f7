"""Evidence for the NDSA Levels of Digital Preservation: all cells, as lines and as a page."""

from datetime import datetime
from pathlib import Path
from typing import Final

from flows.archive.pages.rendering import rendered_page
from flows.archive.reports.cells import evidence_of
from flows.archive.reports.facts import gather_facts
from flows.archive.reports.levels import LevelArea, LevelEvidence, Showing
from flows.archive.reports.report import keep_file, make_reports_folder
from flows.installation.disk_faults import translated_faults
from flows.installation.settings import Settings
from flows.installation.wiring import SOFTWARE_VERSION, now, open_installation

SHOWING_WORDS: Final = {
    Showing.SHOWN: "shown",
    Showing.PARTLY: "shown in part",
    Showing.LACKING: "lacking",
    Showing.NOT_SHOWN: "not shown",
}
"""How much of a cell is shown, for people."""


def make_evidence(settings: Settings, days: int | None) -> tuple[datetime, tuple[LevelEvidence, ...]]:
    """Return when, and what this installation can show of each cell. Raises ``StorageError``."""
    with open_installation(settings) as installation:
        at = now()
        return at, evidence_of(gather_facts(installation, days, at))


def keep_evidence(settings: Settings, at: datetime, evidence: tuple[LevelEvidence, ...]) -> Path:
    """Keep the page in ``reports/``; return where. Raises ``StorageError`` where it cannot be written."""
    page = settings.reports / f"{at:%Y-%m-%d}-ndsa.html"
    content = rendered_page(
        "ndsa.html.j2",
        at=at,
        areas={area: [one for one in evidence if one.area is area] for area in LevelArea},
        words=SHOWING_WORDS,
        counts={
            words: sum(one.showing is showing for one in evidence) for showing, words in SHOWING_WORDS.items()
        },
        software=f"Muniment {SOFTWARE_VERSION}",
    )
    with translated_faults(settings):
        make_reports_folder(settings)
        keep_file(page, content)
    return page
