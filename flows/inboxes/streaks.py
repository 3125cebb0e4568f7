"""Streaks: so many drops of a place were sent back in a row for one fault; then the place is held."""

from collections.abc import Iterable
from datetime import datetime
from itertools import chain
from typing import Final

import msgspec

from flows.inboxes.queue.holds import BY_ITSELF, Hold, HoldBook, InboxPlace, hold, hold_on
from flows.inboxes.queue.takes import Take, TakeId
from flows.installation.log import LOG
from flows.installation.settings import Settings
from flows.submission.answer import SubmissionResult
from preservation.errors import IntegrityError
from preservation.files.lock import locked
from preservation.model.amounts import count
from preservation.model.issues import IssueCode, Severity
from preservation.model.verdicts import Verdict
from preservation.receipt.titles import title_of
from preservation.records import Records

_MOST_PLACES: Final = 1_000
"""Streaks of so many places are remembered, the latest; each batch of drops may be a place of its own."""


class Streak(msgspec.Struct, frozen=True):
    """The drops of a place that were sent back in a row for ``code``, by their takes, and their objects."""

    place: InboxPlace
    code: str
    takes: tuple[TakeId, ...]
    objects: tuple[str, ...]


def count_answer(take: Take, result: SubmissionResult, settings: Settings, at: datetime) -> Hold | None:
    """Count how a drop of an inbox ended; return the hold where that holds its place now.

    A drop that is kept ends the streaks of its place, and so does one that is sent back without their fault.
    One that waits, was interrupted, or was refused by a person says nothing. The same take again counts
    once. Raises ``OSError``, and ``IntegrityError`` where it cannot be read what is held.
    """
    verdict = result.ending.verdict
    codes = _faults(result) if verdict is Verdict.REJECTED else frozenset()
    is_kept = verdict in {Verdict.STORED, Verdict.ALREADY_KEPT}
    most, place = settings.service.hold_after, InboxPlace.of(take)
    if not most or not (is_kept or codes) or hold_on(place, HoldBook(settings).now()) is not None:
        return None
    records = Records(settings.state / "streaks.jsonl", Streak)
    with locked(records.path.with_suffix(".lock")):
        before = _read(records)
        others = [one for one in before if one.place != place]
        ours = [_longer(one, take, result.object) for one in _of(place, before, codes)]
        reached = next((one for one in ours if len(one.takes) >= most), None)
        # With the hold the count begins anew: released, the place gets as many tries again.
        records.write((*others[-_MOST_PLACES:], *(() if reached else ours)))
    if reached is None:
        return None
    return hold(_hold_for(reached, at), settings)


def _faults(result: SubmissionResult) -> frozenset[IssueCode]:
    issues = chain(result.ending.issues, result.issues)
    return frozenset(issue.code for issue in issues if issue.severity is Severity.ERROR)


def _of(place: InboxPlace, before: Iterable[Streak], codes: frozenset[IssueCode]) -> list[Streak]:
    """Return the streaks of a place that go on with these faults, or begin."""
    known = {one.code: one for one in before if one.place == place}
    return [known.get(code, Streak(place, code, (), ())) for code in sorted(codes)]


def _longer(streak: Streak, take: Take, name: str) -> Streak:
    if take.id in streak.takes:
        return streak
    return msgspec.structs.replace(streak, takes=(*streak.takes, take.id), objects=(*streak.objects, name))


def _hold_for(streak: Streak, at: datetime) -> Hold:
    title = title_of(IssueCode(streak.code))
    sent_back = count(len(streak.takes), "drop")
    because = f"{sent_back} in a row were sent back for {streak.code} ({title})"
    return Hold(streak.place, because, BY_ITSELF, at, streak.code, streak.objects)


def _read(records: Records[Streak]) -> list[Streak]:
    try:
        return list(records.so_far)
    except IntegrityError as error:
        # At worst the place is held later than it could be.
        LOG.warning("%s: drops that were sent back in a row are counted anew: %s", records.path, error)
        return []
