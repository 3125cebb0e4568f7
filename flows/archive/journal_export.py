"""The export of the journal: signed where it is intact, and else as evidence that says what it is."""

from dataclasses import dataclass
from pathlib import Path

from flows.archive.journal_check import CheckedJournal, JournalState, checked_as, checked_copy, compared_in
from flows.archive.journal_seal import seal
from flows.archive.journal_stamps import roots_of
from flows.installation.settings import Settings
from flows.installation.wiring import open_installation
from storage.journal.exported import exported_in_folder
from storage.journal.exporting import ExportedStamps, export_journal
from storage.journal.keys import public_keys
from storage.journal.verification import Broken


@dataclass(frozen=True, slots=True)
class CheckedExport:
    """How many entries were exported, and the check of the journal and of what was written."""

    entries: int
    checked: CheckedJournal


def export_checked(settings: Settings, target: Path) -> CheckedExport:
    """Check the journal, sign it where it is intact, and export it to the folder ``target``.

    Raises as ``export_journal`` does, ``ConfigurationError`` where the key is missing.
    """
    keys, roots = public_keys(settings.keys), roots_of(settings)
    with open_installation(settings) as opened:
        compared = compared_in(opened)
        checked = checked_as(str(target), opened, compared)
        if checked.state is JournalState.INTACT:
            seal(opened)
        faults = compared.verdict.faults if isinstance(compared.verdict, Broken) else ()
        stamps = ExportedStamps(tuple(checked.tokens.best.values()), tuple(roots.trusted.values()))
        entries = export_journal(opened.journal, keys, target, compared.heads, faults, stamps)
    if checked.state is JournalState.INTACT and entries:
        # The exported bytes are checked, not only those that they were copied from.
        checked = checked_copy(target, exported_in_folder(target), keys, roots=roots)
    return CheckedExport(entries, checked)
