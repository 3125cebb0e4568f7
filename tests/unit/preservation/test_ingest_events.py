"""What the events of an ingest come to: no success of what failed, or compared nothing."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from support.packages import AT, MUNIMENT, PILLOW, Drop

from preservation.ingest_events import IngestEvents
from preservation.model.events import Agent, AgentKind, EventOutcome, EventType
from preservation.model.screening import Examined
from preservation.model.verdicts import Verdict
from preservation.model.viruses import NoScanner, ScannerRelease, ScanTally

CLAMAV = ScannerRelease("ClamAV", "1.4.3", 27300, datetime(2026, 11, 1, tzinfo=UTC))


@pytest.fixture
def ingest(tmp_path: Path) -> IngestEvents:
    return IngestEvents(Drop(tmp_path).submission(), MUNIMENT, lambda: AT)


@pytest.mark.parametrize(
    ("verdict", "examined", "remarks", "outcome"),
    [
        (None, [Examined(PILLOW, 9, 0)], False, EventOutcome.SUCCESS),
        (None, [Examined(PILLOW, 9, 0)], True, EventOutcome.WARNING),
        (None, [], False, EventOutcome.WARNING),
        (None, [Examined(PILLOW, 9, 1)], False, EventOutcome.FAIL),
        (Verdict.WAITING, [Examined(PILLOW, 9, 0)], True, EventOutcome.WARNING),
        (Verdict.WAITING, [Examined(PILLOW, 9, 2)], True, EventOutcome.FAIL),
        (Verdict.REJECTED, [Examined(PILLOW, 9, 0)], False, EventOutcome.FAIL),
    ],
)
def test_screening_succeeds_only_where_something_was_looked_into_and_nothing_found(
    ingest: IngestEvents,
    verdict: Verdict | None,
    examined: list[Examined],
    remarks: bool,  # noqa: FBT001  a parameter of the table
    outcome: EventOutcome,
):
    event = ingest.screened(verdict, "fit to be kept", examined, "", remarks=remarks)
    assert event.outcome is outcome
    assert event.programs == tuple(one.program for one in examined)
    assert ("Pillow 12.0.0" in event.detail) == bool(examined)


@pytest.mark.parametrize(
    ("tally", "outcome"),
    [
        (ScanTally(3, 0, 0), EventOutcome.SUCCESS),
        (ScanTally(0, 0, 0), EventOutcome.WARNING),
        (ScanTally(2, 0, 1), EventOutcome.WARNING),
        (ScanTally(2, 1, 1), EventOutcome.FAIL),
    ],
)
def test_a_virus_check_succeeds_only_where_every_file_was_scanned(
    ingest: IngestEvents, tally: ScanTally, outcome: EventOutcome
):
    event = ingest.virus_checked(CLAMAV, tally)
    assert (event.outcome, event.programs) == (outcome, (Agent(AgentKind.SOFTWARE, "ClamAV", "1.4.3"),))
    assert ingest.virus_checked(NoScanner("nowhere"), ScanTally(0, 0, 3)).programs == ()


@pytest.mark.parametrize(
    ("made", "refused", "outcome"),
    [(3, 0, EventOutcome.SUCCESS), (2, 1, EventOutcome.WARNING), (0, 3, EventOutcome.FAIL)],
)
def test_what_was_made_is_told_apart_by_what_it_is_for(
    ingest: IngestEvents, made: int, refused: int, outcome: EventOutcome
):
    kept, looked_at = ingest.normalized(made, refused), ingest.access_copies_made(made, refused)
    assert (kept.event_type, kept.outcome) == (EventType.NORMALIZATION, outcome)
    assert (looked_at.event_type, looked_at.outcome) == (EventType.CREATION, outcome)


def test_the_readers_of_a_bag_are_named_as_programs(ingest: IngestEvents):
    reader = Agent(AgentKind.SOFTWARE, "bagit", "1.9.0")
    event = ingest.bag_validated(reader, ())
    assert event.programs == (reader,)
    assert "by bagit 1.9.0 too" in event.detail
