"""The check of the journal, the installation's own or a copy, and its verdict in sentences."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from flows.installation.job_records import recorded_run
from flows.installation.jobs import Job
from flows.installation.settings import Settings
from flows.installation.wiring import Installation, open_installation
from storage.journal.comparing import ComparedJournal, NotCompared, verify_with_stores
from storage.journal.exported import exported_in_folder
from storage.journal.keys import public_keys
from storage.journal.verification import Broken, JournalVerdict


class JournalState(StrEnum):
    """Broken: it is not as it was written. Not compared: a store may have entries that were cut off."""

    INTACT = "Intact"
    BROKEN = "Broken"
    NOT_COMPARED = "Not compared"


_NEXT_STEPS = {
    JournalState.INTACT: "",
    JournalState.BROKEN: (
        "Keep the database as it is, compare it with the journal in a store "
        "(muniment journal verify --from STORE/_journal), and find out which accounts could write to it; "
        'docs/journal.md, "When the stores know more", says what to do then.'
    ),
    JournalState.NOT_COMPARED: (
        "Check that every store can be reached (muniment doctor), then verify the journal again."
    ),
}


@dataclass(frozen=True, slots=True)
class CheckedJournal:
    """The journal at ``place`` and the result of its check.

    ``not_compared`` are the stores with which it could not be compared; a copy is compared with none.
    """

    place: str
    verdict: JournalVerdict
    not_compared: tuple[NotCompared, ...] = ()

    @property
    def state(self) -> JournalState:
        """The verdict: broken, not compared with every store, or intact."""
        if isinstance(self.verdict, Broken):
            return JournalState.BROKEN
        return JournalState.NOT_COMPARED if self.not_compared else JournalState.INTACT

    @property
    def headline(self) -> str:
        """The verdict in a sentence."""
        entries = f"{self.place}: {self.verdict.head.seq} entries"
        match self.state:
            case JournalState.BROKEN:
                return f"{self.place}: sound up to entry {self.verdict.head.seq}"
            case JournalState.NOT_COMPARED:
                return f"{entries}, none altered; whether some were cut off is not known"
            case JournalState.INTACT:
                return f"{entries}, none altered, missing, moved or put in"

    @property
    def next_step(self) -> str:
        """What to do now; empty where it is intact."""
        return _NEXT_STEPS[self.state]

    @property
    def sentences(self) -> Iterator[str]:
        """The details: the faults first, then the stores that could not be compared."""
        verdict = self.verdict
        if isinstance(verdict, Broken):
            yield from (fault.message for fault in verdict.faults)
        yield from (store.sentence for store in self.not_compared)
        if not isinstance(verdict, Broken) and verdict.signed is not None:
            at, last = verdict.signed.at, verdict.signed.head.seq
            yield f"entries up to {last} are vouched for with a signature of {at:%Y-%m-%d %H:%M} UTC"
        yield from verdict.notes


def check_journal(settings: Settings) -> CheckedJournal:
    """Check the installation's journal, also against the signed heads in the stores, as a run of the job.

    Where a store could not be compared, the job counts as failed. Raises ``StorageError`` where the
    database does not answer, ``ConfigurationError``.
    """
    with recorded_run(Job.VERIFY_JOURNAL, settings) as failed, open_installation(settings) as installation:
        compared = compared_in(installation)
        checked = CheckedJournal(installation.database.address, compared.verdict, compared.not_compared)
        if checked.state is JournalState.NOT_COMPARED:
            failed(" ".join(store.sentence for store in checked.not_compared))
        return checked


def check_copy(source: Path, settings: Settings) -> CheckedJournal:
    """Check an exported journal, or the ``_journal`` folder of a store, by the installation's own keys.

    Raises ``NotFoundError`` where no journal is there, ``ConfigurationError``.
    """
    exported = exported_in_folder(source)
    return CheckedJournal(exported.place, exported.verify(public_keys(settings.keys)))


def compared_in(installation: Installation) -> ComparedJournal:
    """Check the journal of an open installation, also against its stores."""
    keys = public_keys(installation.settings.keys)
    return verify_with_stores(installation.journal, keys, installation.stores)
