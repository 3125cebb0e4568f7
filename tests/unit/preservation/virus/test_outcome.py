"""What a scan means for the drop: issues, the event, and when the drop has to wait for the scanner."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from support.surveys import UNIDENTIFIED

from preservation.errors import ToolFailedError
from preservation.ingest_events import IngestEvents
from preservation.model.digests import Algorithm, HexDigest
from preservation.model.events import Agent, AgentKind, Event, EventOutcome, EventType
from preservation.model.files import SurveyedFile
from preservation.model.identifiers import CollectionName, ObjectId, ObjectName, SubmissionId
from preservation.model.issues import Severity
from preservation.model.paths import RelativePath
from preservation.model.submissions import Submission
from preservation.model.viruses import (
    Clean,
    Infected,
    NoScanner,
    NotScanned,
    Obstacle,
    ScannedFile,
    ScannerRelease,
    ScanTally,
    ScanVerdict,
    SignatureName,
)
from preservation.records import Records
from preservation.virus.codes import INFECTED, NOT_SCANNED
from preservation.virus.outcome import VirusFindings, findings, require_scanner

NOW = datetime(2026, 5, 20, 12, tzinfo=UTC)
RELEASE = ScannerRelease("ClamAV", "1.4.6", 27300, NOW - timedelta(days=3))
BAD = Infected(SignatureName("Win.Test.EICAR"))
GONE = NotScanned(Obstacle.NO_SCANNER, "unix:/run/clamd.ctl: clamd cannot be reached")
LARGE = NotScanned(Obstacle.TOO_LARGE, "2 GB")


def digest(of: str) -> HexDigest:
    return HexDigest(of.encode().hex().zfill(64))


def survey(*names: str) -> Iterator[SurveyedFile]:
    for name in names:
        yield SurveyedFile(RelativePath(name), 1, 1, {Algorithm.SHA256: digest(name)}, UNIDENTIFIED)


def said(name: str, verdict: ScanVerdict, *, of: str | None = None) -> ScannedFile:
    return ScannedFile(RelativePath(name), digest(of or name), verdict)


def codes(found: VirusFindings) -> list[tuple[str, Severity, str | None]]:
    return [(issue.code, issue.severity, issue.path) for issue in found.issues]


def event(scanner: ScannerRelease | NoScanner, tally: ScanTally) -> Event:
    object_id = ObjectId(CollectionName("maps"), ObjectName("sheet-1"))
    submission = Submission(SubmissionId("s-1"), object_id, Path("/inbox/sheet-1"), NOW)
    return IngestEvents(submission, Agent(AgentKind.SOFTWARE, "Muniment"), lambda: NOW).virus_checked(
        scanner, tally
    )


def test_clean_files_are_counted_and_nothing_is_remarked():
    found = findings(survey("a", "b"), [said("a", Clean()), said("b", Clean())], required=True)
    assert found == VirusFindings(ScanTally(clean=2), (), None)


def test_an_infected_file_is_an_error_that_names_it_and_what_was_found():
    found = findings(survey("a", "b"), [said("a", Clean()), said("b", BAD)], required=False)
    assert codes(found) == [(INFECTED, Severity.ERROR, "b")]
    assert "Win.Test.EICAR" in found.issues[0].message
    assert found.tally == ScanTally(clean=1, infected=1)


@pytest.mark.parametrize(("required", "severity"), [(False, Severity.WARNING), (True, Severity.QUESTION)])
def test_a_file_that_cannot_be_scanned_is_a_warning_or_as_the_policy_says_a_question(
    severity: Severity, *, required: bool
):
    found = findings(survey("a", "b"), [said("a", Clean()), said("b", LARGE)], required=required)
    assert codes(found) == [(NOT_SCANNED, severity, "b")]
    require_scanner(found)


def test_a_file_that_was_scanned_as_other_bytes_or_not_at_all_is_not_clean():
    scanned = [said("a", Clean(), of="other"), said("c", Clean())]
    found = findings(survey("a", "b", "c"), scanned, required=False)
    assert found.tally == ScanTally(clean=1, not_scanned=2)
    assert codes(found) == [(NOT_SCANNED, Severity.WARNING, None)]


def test_a_clean_word_on_a_file_that_was_not_sent_wholly_is_not_taken():
    scanned = [ScannedFile(RelativePath("a"), None, Clean())]
    assert findings(survey("a"), scanned, required=False).tally == ScanTally(not_scanned=1)


def test_what_only_the_scan_found_counts_where_it_is_infected():
    scanned = [said("0", BAD), said("1", LARGE), said("a", Clean()), said("b", BAD), said("c", GONE)]
    found = findings(survey("a"), scanned, required=False)
    assert codes(found) == [(INFECTED, Severity.ERROR, "0"), (INFECTED, Severity.ERROR, "b")]
    assert found.tally == ScanTally(clean=1, infected=2)


def test_without_a_scan_every_file_is_not_scanned_for_the_reason_given():
    found = findings(survey("a", "b"), (), required=False, without=GONE)
    assert found.tally == ScanTally(not_scanned=2)
    assert "cannot be reached" in found.issues[0].message
    assert found.unrelied == GONE


def test_a_policy_that_requires_the_scan_stops_where_only_the_scanner_is_at_fault():
    stale = NotScanned(Obstacle.DATABASE, "the signatures are 12 days old")
    for obstacle in (GONE, stale):
        found = findings(survey("a", "b"), [said("a", Clean()), said("b", obstacle)], required=True)
        with pytest.raises(ToolFailedError, match=r"1 file not scanned .* requires: .*(reached|12 days old)"):
            require_scanner(found)


def test_an_infection_is_told_even_where_the_scanner_then_failed():
    found = findings(survey("a", "b"), [said("a", BAD), said("b", GONE)], required=True)
    require_scanner(found)
    assert codes(found)[0] == (INFECTED, Severity.ERROR, "a")


def test_many_files_make_few_issues():
    names = [f"{number:05}" for number in range(20_000)]
    verdicts = [BAD, LARGE, GONE, Clean()]
    scanned = (said(name, verdicts[number % 4]) for number, name in enumerate(names))
    found = findings(survey(*names), scanned, required=False)
    assert found.tally == ScanTally(5_000, 5_000, 10_000)
    assert len(found.issues) == 100 + 1 + 2
    assert "4,900 more files" in found.issues[100].message
    assert "5,000 files not scanned" in found.issues[101].message


def test_names_are_shown_with_escapes():
    found = findings(survey("a\nb"), [said("a\nb", BAD)], required=False)
    assert "\n" not in found.issues[0].message


def test_the_event_names_the_scanner_and_the_signatures_with_their_age():
    told = event(RELEASE, ScanTally(clean=3))
    assert (told.event_type, told.outcome) == (EventType.VIRUS_CHECK, EventOutcome.SUCCESS)
    assert told.detail == "asked ClamAV 1.4.6, signatures 27300 of 2026-05-17, 3 days old"
    assert told.note == "3 files clean, 0 infected, 0 not scanned"


@pytest.mark.parametrize(
    ("tally", "outcome"),
    [
        (ScanTally(1, 0, 1), EventOutcome.WARNING),
        (ScanTally(1, 1, 0), EventOutcome.FAIL),
        (ScanTally(0, 1, 1), EventOutcome.FAIL),
    ],
)
def test_the_event_of_files_that_are_infected_or_not_scanned_is_no_success(
    tally: ScanTally, outcome: EventOutcome
):
    assert event(RELEASE, tally).outcome is outcome


def test_the_event_of_a_check_without_a_scanner_says_so():
    told = event(NoScanner("nobody there"), ScanTally(not_scanned=1))
    assert told.detail == "no scanner: nobody there"
    assert told.outcome is EventOutcome.WARNING


def test_verdicts_go_through_records_as_they_were(tmp_path: Path):
    files = [said("a", Clean()), said("b", BAD), ScannedFile(RelativePath("c"), None, LARGE)]
    records = Records(tmp_path / "virus.jsonl.gz", ScannedFile)
    records.write(files)
    assert list(records) == files
