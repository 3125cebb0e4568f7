"""``muniment journal``: check, show, export and restore the journal."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from flows.cli.options import InstallationOption, JsonOption
from flows.cli.output import note, say, say_json

if TYPE_CHECKING:
    from flows.archive.journal_check import CheckedJournal
    from storage.ports.journal import Entry

_EXIT_CODES = {"Broken": 4, "Not compared": 6}
_LATEST = 50
_FROM = typer.Option("--from", metavar="PATH", help="An exported journal, or the _journal folder of a store.")

VERBS = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    help="Check, show, export and restore the journal of every act.",
)


@VERBS.command()
def verify(
    source: Annotated[Path | None, _FROM] = None,
    installation: InstallationOption = None,
    json: JsonOption = False,
) -> None:
    """Check that no entry was altered, dropped, moved, put in or cut off since it was written.

    Every entry is hashed again, each must follow the one before it, and every signed head must be valid,
    also those in the stores, which have entries that a database may have lost. docs/journal.md explains how
    to check a journal without Muniment.

    Exit codes: 0 intact, 4 broken, and the entry is named, 6 not broken as far as is known, and a store could
    not be compared.

    Example: muniment journal verify --from stores/first/_journal
    """
    from flows.archive.journal_check import check_journal
    from flows.installation.settings_file import load_settings

    if source is not None:
        checked = _checked_copy(source, installation)
    else:
        checked = check_journal(load_settings(installation))
    if json:
        say_json(_verdict_fields(checked))
    else:
        _say_checked(checked)
    if checked.state in _EXIT_CODES:
        raise typer.Exit(_EXIT_CODES[checked.state])


@VERBS.command()
def show(
    subject: Annotated[
        str | None,
        typer.Argument(metavar="[OBJECT]", help="collection/name, a version of it or a file in one."),
    ] = None,
    limit: Annotated[
        int | None,
        typer.Option(
            min=1,
            metavar="N",
            help=f"Only the last N entries; without OBJECT the last {_LATEST} unless given.",
        ),
    ] = None,
    installation: InstallationOption = None,
    json: JsonOption = False,
) -> None:
    """Show what was done to an object, or lately to all of them. Times are in UTC.

    Example: muniment journal show maps/sheet-012
    """
    from flows.installation.settings_file import load_settings
    from flows.installation.wiring import open_installation
    from preservation.errors import NotFoundError
    from preservation.model.paths import printable

    if subject is None and limit is None:
        limit = _LATEST
    with open_installation(load_settings(installation)) as opened:
        found = _say_entries(opened.journal.about(subject, limit), json=json)
    if not found and subject is not None:
        raise NotFoundError(
            f"{printable(subject)}: the journal has nothing about it; objects are written collection/name, "
            "and muniment journal show without a name shows what was done lately"
        )
    if not found:
        note("The journal is empty: nothing was done yet.")


@VERBS.command()
def export(
    target: Annotated[Path, typer.Argument(metavar="DIR", help="A folder that does not exist yet.")],
    installation: InstallationOption = None,
    json: JsonOption = False,
) -> None:
    """Verify and sign the journal, and write it to a folder with everything needed to check it.

    The folder holds the journal, its signed heads, the public keys, a README and a check that needs
    only Python's standard library. Nothing is overwritten. A broken journal is also written,
    as evidence, but not signed; the command then ends with 4.

    Example: muniment journal export journal-2026 && python3 journal-2026/check_journal.py
    """
    from flows.archive.journal_check import CheckedJournal, compared_in
    from flows.installation.settings_file import load_settings
    from flows.installation.wiring import now, open_installation
    from storage.journal.exported import exported_in_folder
    from storage.journal.exporting import export_journal
    from storage.journal.keys import public_keys
    from storage.journal.segments import sign_head
    from storage.journal.verification import Broken

    settings = load_settings(installation)
    keys = public_keys(settings.keys)
    with open_installation(settings) as opened:
        compared = compared_in(opened)
        verdict = compared.verdict
        if not isinstance(verdict, Broken):
            sign_head(opened.journal, opened.signing_key, now())
        count = export_journal(opened.journal, keys, target)
    if not isinstance(verdict, Broken):
        # The exported bytes are checked, not only those that they were copied from.
        verdict = exported_in_folder(target).verify(keys)
    checked = CheckedJournal(str(target), verdict, compared.not_compared)
    if json:
        fields = _verdict_fields(checked)
        del fields["journal"]
        say_json({"exported": target.resolve(), **fields, "entries": count})
    else:
        say(f"Exported {count} entries to {target}")
        say(f"  {target / 'README.txt'} explains how to check them")
        if checked.next_step:
            _say_checked(checked)
    if isinstance(verdict, Broken):
        raise typer.Exit(_EXIT_CODES[checked.state])


@VERBS.command()
def restore(
    source: Annotated[Path, _FROM],
    installation: InstallationOption = None,
    json: JsonOption = False,
) -> None:
    """Put back the end of the journal that a database from a backup lacks, or all of it.

    The copy must be intact by this installation's keys, and continue the last entry of the database:
    no entry there is changed. Only the journal is put back, not the catalogue.

    Example: muniment journal restore --from stores/first/_journal
    """
    from flows.installation.settings_file import load_settings
    from flows.installation.wiring import open_installation
    from storage.journal.exported import exported_in_folder
    from storage.journal.exported import restore as put_back
    from storage.journal.keys import public_keys

    settings = load_settings(installation)
    exported = exported_in_folder(source)
    with open_installation(settings) as opened:
        before = opened.journal.head()
        reached = put_back(opened.journal, exported, public_keys(settings.keys))
    count = reached.seq - before.seq
    if json:
        say_json({"restored": count, "entries": reached.seq, "head": reached.hash})
        return
    say(f"Put back {count} entries from {exported.place}: the journal has {reached.seq}")
    say("  next: muniment journal verify")


def _checked_copy(source: Path, installation: Path | None) -> CheckedJournal:
    """Check a copy by the keys of the installation; outside of one, by those that are beside the copy."""
    from flows.archive.journal_check import CheckedJournal, check_copy
    from flows.installation.settings_file import load_settings
    from preservation.errors import ConfigurationError
    from storage.journal.exported import exported_in_folder

    try:
        settings = load_settings(installation)
    except ConfigurationError:
        if installation is not None:
            raise
        exported = exported_in_folder(source)
        keys = exported.keys()
        for identifier in keys:
            note(f"The key {identifier} was beside the journal: compare it with the id that you were given.")
        return CheckedJournal(exported.place, exported.verify(keys))
    return check_copy(source, settings)


def _say_checked(checked: CheckedJournal) -> None:
    say(f"{checked.state.upper()}  {checked.headline}")
    for sentence in checked.sentences:
        say(f"  {sentence}")
    if checked.next_step:
        note(f"Next: {checked.next_step}")


def _verdict_fields(checked: CheckedJournal) -> dict[str, object]:
    from storage.journal.verification import Broken
    from storage.moments import moment_text

    verdict = checked.verdict
    faults = verdict.faults if isinstance(verdict, Broken) else ()
    signed = None if isinstance(verdict, Broken) else verdict.signed
    return {
        "journal": checked.place,
        "intact": not faults,
        "entries": verdict.head.seq,
        "head": verdict.head.hash,
        "signed": signed and {"seq": signed.head.seq, "at": moment_text(signed.at), "key": signed.key},
        "faults": faults,
        "not_compared": checked.not_compared,
        "notes": verdict.notes,
    }


def _say_entries(entries: Iterable[Entry], *, json: bool) -> bool:
    """Print the entries one by one, and return whether there were any."""
    from preservation.model.paths import printable

    day = entry = None
    for entry in entries:
        if json:
            say_json(_fields(entry))
            continue
        if entry.at.date() != day:
            day = entry.at.date()
            say(f"{day:%A}, {day.day} {day:%B %Y}")
        outcome = "" if entry.outcome == "success" else f"{entry.outcome.upper()}: "
        agent = f"{entry.agent_name} {entry.agent_version}".rstrip()
        say(f"  {entry.at:%H:%M:%S}  {entry.event_type}: {printable(entry.object)}")
        for sentence in filter(None, (f"{outcome}{entry.note}", entry.detail)):
            say(f"            {printable(sentence)}")
        say(f"            by {printable(agent)}, entry {entry.seq}")
    return entry is not None


def _fields(entry: Entry) -> dict[str, object]:
    from storage.moments import moment_text

    return {
        "seq": entry.seq,
        "event": entry.identifier,
        "at": moment_text(entry.at),
        "event_type": entry.event_type,
        "object": entry.object,
        "outcome": entry.outcome,
        "note": entry.note,
        "detail": entry.detail,
        "agent": {"kind": entry.agent_kind, "name": entry.agent_name, "version": entry.agent_version},
        "hash": entry.head.hash,
    }
