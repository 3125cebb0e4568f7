"""The status for people: narrow lines, each drop once, and no heading without something under it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from support.takes import NOON, a_take, an_area

from flows.cli.status_view import lines_of, sections_of
from flows.inboxes.queue.attempts import Attempts
from flows.inboxes.queue.backlog import Pending
from flows.inboxes.queue.takes import Take
from flows.inboxes.report import InboxReport
from flows.installation.processes import this_process
from flows.service.status import ArchiveStatus, SubmissionUnderWay
from flows.submission.progress.progress import SubmissionPosition
from preservation.model.identifiers import CollectionName, ObjectId, ObjectName, SubmissionId
from preservation.model.submissions import Submission
from preservation.model.verdicts import Verdict
from storage.ports.catalogue import Conclusion, Counts

LONG = "It waits for an answer, since " + "nothing is known of what would open such a file and " * 6
NOTHING = Counts(0, 0, 0, 0, {})
QUIET = InboxReport(NOON, this_process(), 0, 0, 0, (), (), ())


def an_end(take: Take, verdict: Verdict) -> Conclusion:
    submission = Submission(SubmissionId("01"), take.object_id, take.path, NOON)
    return Conclusion(submission, verdict, NOON, LONG, take.area / "receipts/maps/x/20261121T120000Z.html")


def left(take: Take) -> SubmissionUnderWay:
    position = SubmissionPosition("plan", "normalize", None)
    return SubmissionUnderWay(str(take.object_id), take.path, position, NOON, in_hand=False, elsewhere="")


def test_a_drop_that_waits_stands_in_one_section_with_how_it_is_answered(tmp_path: Path):
    take = a_take(an_area(tmp_path))
    waits = Pending(take, Attempts(1, NOON, Verdict.WAITING, LONG))
    found = ArchiveStatus(
        NOON, NOTHING, (left(take),), (an_end(take, Verdict.WAITING),), QUIET, (waits,), directory=tmp_path
    )

    [section] = sections_of(found)
    lines = list(lines_of(found))

    assert section.heading == "Waiting for an archivist: 1"
    assert [line for line in lines if "maps/sheet-012" in line] == [
        "  maps/sheet-012  since 21 Nov 2026, 12:00",
        '  → muniment approve maps/sheet-012 --because "…" --by "…" (or refuse)',
    ]
    assert max(map(len, lines)) <= 80
    assert not any(str(tmp_path) in line for line in lines)


def test_a_drop_that_was_given_for_two_objects_waits_for_both(tmp_path: Path):
    one = an_end(a_take(an_area(tmp_path)), Verdict.WAITING)
    other = ObjectId(CollectionName("files"), ObjectName("sheet-012"))
    ends = (one, replace(one, submission=replace(one.submission, object=other)))
    [section] = sections_of(ArchiveStatus(NOON, NOTHING, (), ends, QUIET, (), directory=tmp_path))
    assert section.heading == "Waiting for an archivist: 2"


def test_what_is_given_up_rejected_or_stored_has_its_own_section_each(tmp_path: Path):
    area = an_area(tmp_path)
    takes = [a_take(area, name) for name in ("stopped", "asked", "refused", "kept")]
    pending = (
        Pending(takes[0], Attempts(5, NOON, Verdict.INTERRUPTED, "The store is away.")),
        Pending(takes[1]),
    )
    ends = (
        an_end(takes[0], Verdict.INTERRUPTED),
        an_end(takes[2], Verdict.REJECTED),
        an_end(takes[3], Verdict.STORED),
    )
    found = ArchiveStatus(NOON + timedelta(days=1), NOTHING, (), ends, QUIET, pending)

    assert {section.heading: len(section.entries) for section in sections_of(found)} == {
        "On their way: 1": 1,
        "Interrupted: 1": 1,
        "Sent back lately: 1": 1,
        "Kept today: 1": 1,
    }
    none = replace(found, latest=(), taken=())
    assert list(sections_of(none)) == []
    assert next(iter(lines_of(none))).startswith("Kept: 0 objects")
