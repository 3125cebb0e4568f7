"""Checking the journal: the living one, or a copy of it; and the verdict in words. Needs no Prefect."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from flows.settings import Settings
from flows.wiring import Installation, open_installation
from storage.journal.comparing import verify_with_stores
from storage.journal.exported import exported_in_folder
from storage.journal.keys import public_keys
from storage.journal.verification import Broken, JournalVerdict


@dataclass(frozen=True, slots=True)
class CheckedJournal:
    """A journal, by its place, and what was found of it."""

    place: str
    verdict: JournalVerdict

    @property
    def is_broken(self) -> bool:
        """Say whether it is not as it was written."""
        return isinstance(self.verdict, Broken)

    @property
    def headline(self) -> str:
        """The verdict in a sentence."""
        if isinstance(self.verdict, Broken):
            return f"{self.place}: sound up to entry {self.verdict.head.seq}"
        return f"{self.place}: {self.verdict.head.seq} entries, none altered, missing, moved or put in"

    @property
    def sentences(self) -> Iterator[str]:
        """What there is to be said besides, the faults first."""
        verdict = self.verdict
        if isinstance(verdict, Broken):
            yield from (fault.message for fault in verdict.faults)
        elif verdict.signed is not None:
            at, last = verdict.signed.at, verdict.signed.head.seq
            yield f"entries up to {last} are vouched for with a signature of {at:%Y-%m-%d %H:%M} UTC"
        yield from verdict.notes


NEXT_AFTER_BROKEN = (
    "Keep the database as it is, compare it with the journal in a store "
    "(muniment journal verify --from STORE/_journal), and find out who could write to it; "
    'what to do then stands in docs/journal.md, "When the stores know more".'
)
"""What a person does about a broken journal."""


def check_journal(settings: Settings) -> CheckedJournal:
    """Check the living journal, also against the signed heads in the stores.

    Raises ``StorageError`` where the database does not answer, ``ConfigurationError``.
    """
    with open_installation(settings) as installation:
        return CheckedJournal(installation.database.address, verdict_in(installation))


def check_copy(source: Path, settings: Settings) -> CheckedJournal:
    """Check an exported journal, or the ``_journal`` folder of a store, by the installation's own keys.

    Raises ``NotFoundError`` where no journal is there, ``ConfigurationError``.
    """
    exported = exported_in_folder(source)
    return CheckedJournal(exported.place, exported.verify(public_keys(settings.keys)))


def verdict_in(installation: Installation) -> JournalVerdict:
    """Check the journal of an open installation."""
    keys = public_keys(installation.settings.keys)
    return verify_with_stores(installation.journal, keys, installation.stores)
