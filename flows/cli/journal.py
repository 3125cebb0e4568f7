"""``muniment journal``: check, show, export and restore the journal."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from flows.cli.options import InstallationOption, JsonOption
from flows.cli.output import note, say, say_json
from preservation.model.amounts import count

if TYPE_CHECKING:
    from flows.archive.journal_check import CheckedJournal
    from storage.journal.time_stamps import TimeStamp
    from storage.ports.journal import Entry, SignedHead

_EXIT_CODES = {"Broken": 4, "Disagrees": 4, "Not compared": 6}
_LATEST = 50
_WITNESS = typer.Option(
    "--witness", metavar="FILE", help="Signed heads that were kept elsewhere: a file of them, mails, JSON."
)
_FROM = typer.Option("--from", metavar="PATH", help="An exported journal, or the _journal folder of a store.")

VERBS = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    help="Check, show, seal, export and restore the journal of every act.",
)


@VERBS.command()
def verify(
    source: Annotated[Path | None, _FROM] = None,
    witness: Annotated[list[Path] | None, _WITNESS] = None,
    installation: InstallationOption = None,
    json: JsonOption = False,
) -> None:
    """Check that no entry was altered, dropped, moved, put in or cut off since it was written.

    Every entry is hashed again, each must follow the one before it, and every signed head must be valid,
    also those in the stores and witnesses, which have entries that a database may have lost. Every copy in a
    store is read, and every accession is compared with the catalogue and the stores. Every time stamp is
    checked by the roots of [[witness.authority]]. docs/journal.md explains how to check a journal without
    Muniment.

    Exit codes: 0 intact, 4 broken, and the entry is named, or a copy, the catalogue or a store disagrees, 6
    not broken as far as is known, and not everything could be compared.

    Example: muniment journal verify --witness heads-by-mail.txt
    """
    from flows.archive.journal_check import check_journal
    from flows.installation.settings_file import load_settings

    witnesses = witness or []
    if source is not None:
        checked = _checked_copy(source, witnesses, installation)
    else:
        checked = check_journal(load_settings(installation), witnesses)
    if json:
        say_json({**_verdict_fields(checked), "keys_beside": checked.keys_beside})
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

    The folder holds the journal, its signed heads and those of the stores, the public keys, a README and a
    check that needs only Python's standard library. Nothing is overwritten. A journal that is not intact is
    also written, as evidence, but not signed; the command then ends with 4 or 6, as journal verify does.

    Example: muniment journal export journal-2026 && python3 journal-2026/check_journal.py
    """
    from flows.archive.journal_export import export_checked
    from flows.installation.settings_file import load_settings

    exported = export_checked(load_settings(installation), target)
    checked = exported.checked
    if json:
        fields = _verdict_fields(checked)
        del fields["journal"]
        say_json({"exported": target.resolve(), **fields, "entries": exported.entries})
    else:
        say(f"Exported {count(exported.entries, 'entry', 'entries')} to {target}")
        say(f"  {target / 'README.txt'} explains how to check them")
        if checked.next_step:
            _say_checked(checked)
    if checked.state in _EXIT_CODES:
        raise typer.Exit(_EXIT_CODES[checked.state])


@VERBS.command()
def seal(installation: InstallationOption = None, json: JsonOption = False) -> None:
    """Sign the journal, and give stores and witnesses what they lack of it, or have damaged.

    Every run does this too, and reads a sample of what the stores have; this reads all of it. What was lost
    or damaged and is whole again is reported, and stands in the journal. Nothing is overwritten. Each time
    stamping authority of [[witness.authority]] is asked for a time stamp of the newest signed head, once.

    Exit codes: 0 sealed everywhere, 4 the journal is broken or nothing vouches for it, and nothing is signed,
    6 a store, a witness or a time stamping authority could not be reached.

    Example: muniment journal seal
    """
    from flows.alarms.alarms import give_notice
    from flows.alarms.occasions import head_notice
    from flows.archive.journal_seal import seal_as_job
    from flows.installation.settings_file import load_settings
    from flows.installation.wiring import now

    settings = load_settings(installation)
    sealed = seal_as_job(settings, lambda signed: give_notice(settings, head_notice(signed, now())))
    if json:
        say_json(
            {
                "signed": _signed_fields(sealed.signed),
                "time_stamps": [_stamp_fields(stamp) for stamp in sealed.stamps],
                "repairs": sealed.repairs,
                "absences": sealed.absences,
            }
        )
    else:
        say(f"Sealed up to entry {sealed.signed.head.seq}" if sealed.signed else "Nothing was signed")
        for stamp in sealed.stamps:
            say(f"  time-stamped {stamp.at:%Y-%m-%d %H:%M:%S} UTC by {stamp.authority}")
        for sentence in sealed.repairs:
            say(f"  {sentence}")
        for sentence in sealed.absences:
            note(sentence)
    if sealed.absences:
        raise typer.Exit(_EXIT_CODES["Not compared"])


@VERBS.command()
def restore(
    source: Annotated[Path | None, _FROM] = None,
    installation: InstallationOption = None,
    json: JsonOption = False,
) -> None:
    """Put back the end of the journal that a database from a backup lacks, or all of it.

    Without --from, it comes from all stores together: of each part any copy that is sound is enough. It must
    be intact by this installation's keys, and continue the last entry of the database: no entry there is
    changed. Only the journal is put back, not the catalogue.

    Example: muniment journal restore --from stores/first/_journal
    """
    from flows.installation.settings_file import load_settings
    from flows.installation.wiring import open_installation
    from storage.journal.exported import exported_in_folder, exported_in_stores
    from storage.journal.exported import restore as put_back
    from storage.journal.keys import public_keys

    settings = load_settings(installation)
    with open_installation(settings) as opened:
        exported = exported_in_stores(opened.stores) if source is None else exported_in_folder(source)
        before = opened.journal.head()
        reached = put_back(opened.journal, exported, public_keys(settings.keys))
    count = reached.seq - before.seq
    if json:
        say_json({"restored": count, "entries": reached.seq, "head": reached.hash})
        return
    say(f"Put back {count} entries from {exported.place}: the journal has {reached.seq}")
    say("  next: muniment journal verify")


def _checked_copy(source: Path, witnesses: list[Path], installation: Path | None) -> CheckedJournal:
    """Check a copy by the keys of the installation; outside of one, by those that are beside the copy."""
    from flows.archive.journal_check import check_copy, checked_copy
    from flows.installation.settings_file import NoInstallationError, load_settings
    from storage.journal.exported import exported_in_folder

    try:
        settings = load_settings(installation)
    except NoInstallationError:
        exported = exported_in_folder(source)
        keys = exported.keys()
        for identifier in keys:
            note(f"The key {identifier} was beside the journal: compare it with the id that you were given.")
        return replace(checked_copy(source, exported, keys, witnesses), keys_beside=tuple(keys))
    return check_copy(source, settings, witnesses)


def _say_checked(checked: CheckedJournal) -> None:
    say(f"{checked.state.upper()}  {checked.headline}")
    for sentence in checked.sentences:
        say(f"  {sentence}")
    if checked.next_step:
        note(f"Next: {checked.next_step}")


def _verdict_fields(checked: CheckedJournal) -> dict[str, object]:
    from storage.journal.verification import Broken

    verdict = checked.verdict
    faults = verdict.faults if isinstance(verdict, Broken) else ()
    return {
        "journal": checked.place,
        "intact": not faults and not checked.findings,
        "entries": verdict.head.seq,
        "head": verdict.head.hash,
        "signed": _signed_fields(None if isinstance(verdict, Broken) else verdict.signed),
        "faults": faults,
        "findings": checked.findings,
        "not_compared": checked.not_compared,
        "notes": checked.notes,
        "time_stamps": {
            "hold": len(checked.tokens.sound),
            "not_checked": checked.tokens.unchecked,
            "newest": _stamp_fields(checked.tokens.newest),
        },
    }


def _signed_fields(signed: SignedHead | None) -> dict[str, object] | None:
    from storage.moments import moment_text

    if signed is None:
        return None
    return {"seq": signed.head.seq, "at": moment_text(signed.at), "key": signed.key}


def _stamp_fields(stamp: TimeStamp | None) -> dict[str, object] | None:
    from storage.moments import moment_text

    if stamp is None:
        return None
    said_at = moment_text(stamp.at)
    return {"seq": stamp.signed.head.seq, "at": said_at, "authority": stamp.authority, "roots": stamp.roots}


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
