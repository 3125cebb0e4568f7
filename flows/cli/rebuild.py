"""``muniment rebuild``: the database again, from what lies in the stores."""

from collections import Counter
from typing import TYPE_CHECKING, Annotated

import typer

from flows.cli.options import InstallationOption, JsonOption
from flows.cli.output import note, say, say_json

if TYPE_CHECKING:
    from flows.archive.rebuild import RebuiltInstallation

_INTEGRITY = 4
_STORAGE = 6
_EVERY = 100
_FILES = 20_000


def rebuild(
    source: Annotated[
        str | None,
        typer.Option("--from", metavar="STORE", help="The store to rely on first.", show_default=False),
    ] = None,
    missing: Annotated[
        bool, typer.Option("--missing", help="Add what a database lacks that is older; change nothing of it.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Read and report; write nothing.")] = False,
    json: JsonOption = False,
    installation: InstallationOption = None,
) -> None:
    """Rebuild catalogue and journal, which were lost, from the stores: one of them has it all.

    Put muniment.toml, policies and state/keys back first. It goes into an empty database; with --missing into
    one that came from a backup. The journal comes first, then every version, a transaction each; stopped, the
    same command goes on. What no store states is printed as LOST.

    Exit codes: 0 rebuilt, 4 something is damaged or contradicts what is there, 6 a store is away; each is
    printed with its reason.

    Example: muniment rebuild --from first --dry-run
    """
    from flows.archive.rebuild import rebuild_installation
    from flows.installation.settings_file import load_settings
    from preservation.model.identifiers import StoreName

    seen = Counter[str]()

    def progress(files: int, size: int) -> None:
        before = seen["files"] // _FILES
        seen.update(files=files, bytes=size)
        if seen["files"] // _FILES > before:
            note(f"{seen['files']:,} files listed or read back; {seen['bytes']:,} bytes read")

    counts = Counter[str]()
    code = 0
    for one in rebuild_installation(
        load_settings(installation),
        None if source is None else StoreName(source),
        missing=missing,
        dry_run=dry_run,
        progress=progress,
    ):
        fields = _fields(one)
        counts[str(fields["what"])] += 1
        if fields["what"] == "version" and counts["version"] % _EVERY == 0:
            note(f"{counts['version']:,} versions")
        if fields["what"] == "fault" and fields["damage"]:
            code = _INTEGRITY
        elif fields["what"] in {"fault", "away"}:
            code = code or _STORAGE
        if json:
            say_json({**fields, "dry_run": dry_run})
        else:
            _say(fields, dry_run=dry_run)
    if not json:
        verb = "would be added" if dry_run else "added"
        say(
            f"{counts['version']:,} versions, {counts['replica']:,} replicas of others and {counts['end']:,} "
            f"ends of submissions {verb}; {counts['fault']:,} faults; {counts['lost']:,} lost"
        )
        say("LOST in any case: version numbers that were reserved for what was on its way in processing/")
        note("Next: muniment journal verify, then muniment doctor")
    if code:
        raise typer.Exit(code)


def _fields(one: "RebuiltInstallation") -> dict[str, object]:
    """Return what was done, found or lost as the fields of a JSON line: docs/json.md."""
    from flows.archive.rebuild import AddedEntries, AwayStore
    from storage.rebuild.outcomes import AddedEnd, AddedReplica, AddedVersion, LostRecord, RebuildFault

    more: dict[str, object]
    match one:
        case AddedVersion(about, store, vouched, replicas):
            what, more = "version", {"store": store, "vouched": vouched, "replicas": list(replicas)}
        case AddedReplica(about, store):
            what, more = "replica", {"store": store}
        case AddedEnd(about, verdict):
            what, more = "end", {"verdict": verdict.value}
        case AddedEntries(about, entries):
            what, more = "journal", {"entries": entries}
        case AwayStore(about, sentence):
            what, more = "away", {"sentence": sentence}
        case RebuildFault(about, sentence, damage):
            what, more = "fault", {"sentence": sentence, "damage": damage}
        case LostRecord(about, sentence):
            what, more = "lost", {"sentence": sentence}
    return {"what": what, "about": str(about), **more}


def _say(fields: dict[str, object], *, dry_run: bool) -> None:
    from preservation.model.paths import printable

    about, sentence = printable(str(fields["about"])), fields.get("sentence")
    added = "would be added" if dry_run else "added"
    match fields["what"]:
        case "version":
            by = "" if fields["vouched"] else "; nothing but its bag vouches for it"
            say(f"{added}  {about}, by its lists in {fields['store']}{by}")
        case "replica":
            say(f"{added}  {about}: its replica in {fields['store']}")
        case "journal":
            say(f"{added}  {fields['entries']:,} entries of the journal, from {about}")
        case "away":
            say(f"AWAY  {about}\n  {sentence}")
        case "fault":
            say(f"{'INTEGRITY' if fields['damage'] else 'NOT REBUILT'}  {about}\n  {sentence}")
        case "lost":
            say(f"LOST  {sentence}")
        case _:
            # Ends are counted: there is one for each drop that ever was.
            pass
