"""How submissions ended, by the journal: which entry is the end of which submission, and what began it."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from preservation.model.events import EventType, event_id
from preservation.model.identifiers import ObjectId, SubmissionId
from preservation.model.submissions import Submission
from preservation.model.verdicts import Verdict
from storage.ports.catalogue import Catalogue, Conclusion
from storage.rebuild.outcomes import AddedEnd, LostRecord
from storage.rebuild.statements import Ended, Started

_FOR_GOOD = {Verdict.STORED, Verdict.ALREADY_KEPT, Verdict.REJECTED}


@dataclass(frozen=True, slots=True)
class AnsweredSubmission:
    """A submission as its receipt states it, and where that lies."""

    submission: Submission
    receipt: Path


ReceiptsOf: TypeAlias = Callable[[ObjectId], Iterable[AnsweredSubmission]]
"""Returns what the receipts of an object state of its submissions."""


class Ends:
    """Adds the ends that the catalogue lacks, in the order of the journal.

    An entry does not name its submission, but its identifier is made of the submission's, so that it is known
    for each that is at hand: of those that began, of those that versions name, of those that have receipts.
    """

    def __init__(self, catalogue: Catalogue, receipts_of: ReceiptsOf, *, dry_run: bool) -> None:
        self._catalogue = catalogue
        self._receipts_of = receipts_of
        self._dry_run = dry_run
        self._started: dict[ObjectId, list[Started]] = {}

    def began(self, started: Started) -> None:
        """Take note of a beginning, until the submission has ended for good."""
        self._started.setdefault(started.object, []).append(started)

    def ended(self, ended: Ended) -> Iterator[AddedEnd | LostRecord]:
        """Add an end to the catalogue, unless it has that one or a later one."""
        entry, history = ended.entry, self._catalogue.history(ended.object)
        answered = {one.submission.identifier: one for one in self._receipts_of(ended.object)}
        started = self._started.get(ended.object, [])
        known = [
            *(one.submission for one in started if one.submission),
            *(kept.submission for kept in history.registrations),
            *(one.submission.identifier for one in history.conclusions),
            *answered,
        ]
        identifier = next(
            (one for one in known if _end_of(one, ended) == entry.identifier),
            None,
        )
        if identifier is None:
            yield LostRecord(
                str(ended.object),
                f"the submission of {ended.object} that ended as {ended.verdict.value} on "
                f"{entry.at:%Y-%m-%d %H:%M} UTC (entry {entry.seq}): what identifies it, and where it lay",
            )
            return
        begun = next((one for one in started if _is_of(one, identifier)), None)
        if ended.verdict in _FOR_GOOD and begun is not None:
            started.remove(begun)
        if any(
            one.submission.identifier == identifier and one.concluded_at >= entry.at
            for one in history.conclusions
        ):
            return
        receipt = answered.get(identifier)
        if receipt is not None:
            submission = receipt.submission
        else:
            name, received = (begun.name, begun.at) if begun is not None else (ended.object.name, entry.at)
            submission = Submission(identifier, ended.object, Path(name), received)
            yield LostRecord(str(ended.object), f"where the drop {name} of submission {identifier} lay")
        if not self._dry_run:
            page = None if receipt is None else receipt.receipt
            self._catalogue.conclude(Conclusion(submission, ended.verdict, entry.at, entry.note, page), ())
        yield AddedEnd(ended.object, ended.verdict)


def _end_of(submission: SubmissionId, ended: Ended) -> str:
    return event_id(submission, EventType.INGESTION_END, ended.entry.at.isoformat())


def _is_of(started: Started, submission: SubmissionId) -> bool:
    return started.identifier == event_id(submission, EventType.INGESTION_START, "")
