"""Checking the journal: the living one, or a copy of it; and the verdict in words. Needs no Prefect."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from flows.installation.jobs import Job, job_noted
from flows.installation.settings import Settings
from flows.installation.wiring import Installation, open_installation
from storage.journal.comparing import ComparedJournal, NotCompared, verify_with_stores
from storage.journal.exported import exported_in_folder
from storage.journal.keys import public_keys
from storage.journal.verification import Broken, JournalVerdict


@dataclass(frozen=True, slots=True)
class CheckedJournal:
    """A journal, by its place, and what was found of it.

    ``not_compared`` are the stores that could not be asked what they know of it; a copy is compared with
    none.
    """

    place: str
    verdict: JournalVerdict
    not_compared: tuple[NotCompared, ...] = ()

    @property
    def is_broken(self) -> bool:
        """Say whether it is not as it was written."""
        return isinstance(self.verdict, Broken)

    @property
    def is_unsure(self) -> bool:
        """Say whether nothing is wrong with it as it is, and a store may know of what was cut off."""
        return not self.is_broken and bool(self.not_compared)

    @property
    def headline(self) -> str:
        """The verdict in a sentence."""
        entries = f"{self.place}: {self.verdict.head.seq} entries"
        if self.is_broken:
            return f"{self.place}: sound up to entry {self.verdict.head.seq}"
        if self.is_unsure:
            return f"{entries}, none altered; whether some were cut off is not known"
        return f"{entries}, none altered, missing, moved or put in"

    @property
    def sentences(self) -> Iterator[str]:
        """What there is to be said besides, the faults first, then what could not be compared."""
        verdict = self.verdict
        if isinstance(verdict, Broken):
            yield from (fault.message for fault in verdict.faults)
        yield from (one.sentence for one in self.not_compared)
        if not isinstance(verdict, Broken) and verdict.signed is not None:
            at, last = verdict.signed.at, verdict.signed.head.seq
            yield f"entries up to {last} are vouched for with a signature of {at:%Y-%m-%d %H:%M} UTC"
        yield from verdict.notes


NEXT_AFTER_BROKEN = (
    "Keep the database as it is, compare it with the journal in a store "
    "(muniment journal verify --from STORE/_journal), and find out who could write to it; "
    'what to do then stands in docs/journal.md, "When the stores know more".'
)
"""What a person does about a broken journal."""

NEXT_AFTER_UNSURE = "See that every store can be reached (muniment doctor), and verify the journal again."
"""What a person does where a store could not be compared."""


def check_journal(settings: Settings) -> CheckedJournal:
    """Check the living journal, also against the signed heads in the stores; noted as a run of the job.

    Where a store could not be compared, the job has not done its work. Raises ``StorageError`` where the
    database does not answer, ``ConfigurationError``.
    """
    with job_noted(Job.VERIFY_JOURNAL, settings) as undone, open_installation(settings) as installation:
        compared = compared_in(installation)
        checked = CheckedJournal(installation.database.address, compared.verdict, compared.not_compared)
        if checked.is_unsure:
            undone(" ".join(one.sentence for one in checked.not_compared))
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
