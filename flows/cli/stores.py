"""``muniment stores``: make places stores, fill them with what they lack, and give them up."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from flows.cli.options import InstallationOption, JsonOption
from flows.cli.output import note, say, say_json

if TYPE_CHECKING:
    from flows.archive.evacuate import EvacuationOutcome

_INTEGRITY = 4
_STORAGE = 6

VERBS = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    help="Give stores their identities and what they lack; give them up.",
)


@VERBS.command()
def init(
    names: Annotated[
        list[str] | None,
        typer.Argument(metavar="[STORE...]", help="These; none named: every store.", show_default=False),
    ] = None,
    json: JsonOption = False,
    installation: InstallationOption = None,
) -> None:
    """Give stores their identities, which distinguish each from the mount point of an absent disk.

    A store that holds packages of this installation gets one; an empty place gets one where it is named. A
    store that has its identity keeps it. It is kept in the store, in the catalogue and in muniment.toml.

    Exit codes: 0 each store has its identity, 6 one was left as it is; the reason is printed.

    Example: muniment stores init second
    """
    from flows.installation.settings_file import load_settings
    from flows.installation.stores import MadeStore, init_stores
    from preservation.model.identifiers import StoreName

    good = True
    for one in init_stores(load_settings(installation), [StoreName(name) for name in names or ()]):
        made = isinstance(one, MadeStore)
        good &= made
        if json:
            identity = one.identity if isinstance(one, MadeStore) else None
            line = one.line if isinstance(one, MadeStore) else ""
            fields = {"store": one.store, "made": made, "identity": identity, "sentence": one.sentence}
            say_json({**fields, "line": line})
        elif isinstance(one, MadeStore):
            say(f"{one.store}  {one.identity}\n  {one.sentence}")
        else:
            say(f"NOT MADE  {one.store}\n  {one.sentence}")
        if isinstance(one, MadeStore) and one.line and not json:
            say(f"  muniment.toml cannot be written; add to its [[store]] called {one.store}: {one.line}")
    if not good:
        raise typer.Exit(_STORAGE)


@VERBS.command()
def fill(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what is lacking; copy nothing.")] = False,
    json: JsonOption = False,
    installation: InstallationOption = None,
) -> None:
    """Copy into each store the packages that it lacks: another name of muniment replicate --missing.

    Exit codes: 0 every package has what its policy promises, 4 a store does not hold what was promised, 6 a
    store is away or still lacks something; each is printed with its reason.

    Example: muniment stores fill --dry-run
    """
    from flows.archive.fill_request import FillRequest
    from flows.cli.replicate import fill_stores

    fill_stores(FillRequest(dry_run=dry_run), installation, json=json)


@VERBS.command()
def lost(
    name: Annotated[str, typer.Argument(metavar="STORE", help="The store that is lost.")],
    by: Annotated[str, typer.Option("--by", metavar="NAME", help="Who gives it up.")],
    because: Annotated[str, typer.Option("--because", metavar="WHY", help="What happened to it.")],
    even_the_last: Annotated[
        bool, typer.Option("--even-the-last", help="Also where it has the only replica of a package.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would be lost.")] = False,
    json: JsonOption = False,
    installation: InstallationOption = None,
) -> None:
    """Declare a store lost for good: its replicas leave the catalogue, and its identity is forgotten.

    Packages of which it has the only replica, and those that have less than their policies ask for without
    it, are named first. Afterwards muniment replicate --missing copies them into the stores that are left.
    A store that is there is not lost; nothing in a store is touched.

    Exit codes: 0 it is given up, 4 it has the only replica of a package, 6 the store is there.

    Example: muniment stores lost second --by "A. Turner" --because "its disk burned" --dry-run
    """
    from flows.archive.lost_store import LostStore, StoreGivenUp, lose_store
    from flows.installation.settings_file import load_settings
    from preservation.model.amounts import count
    from preservation.model.identifiers import StoreName
    from preservation.model.paths import printable

    code = 0
    loss = StoreGivenUp(StoreName(name), by, because, even_the_last, dry_run)
    for one in lose_store(load_settings(installation), loss):
        if isinstance(one, LostStore):
            code = _INTEGRITY if one.last else 0
            if json:
                fields = {"store": one.store, "replicas": one.replicas, "last": one.last}
                say_json({**fields, "lost": not dry_run, "dry_run": dry_run})
            else:
                word = "would be lost" if dry_run else "lost"
                say(f"{word}  {name}: {count(one.replicas, 'replica')} in the catalogue")
                say("  Then, into the stores that are left: muniment replicate --missing")
        elif json:
            package = str(one.package)
            say_json({"store": name, "package": package, "sentence": one.sentence, "is_last": one.is_last})
        else:
            word = "LAST REPLICA" if one.is_last else "below policy"
            say(f"{word}  {printable(str(one.package))}\n  {one.sentence}")
    raise typer.Exit(code)


@VERBS.command()
def evacuate(
    name: Annotated[str, typer.Argument(metavar="STORE", help="The store that is to be taken away.")],
    to: Annotated[
        list[str] | None,
        typer.Option("--to", metavar="STORE", help="Into this one; else those of the policies. Repeatable."),
    ] = None,
    budget: Annotated[str | None, typer.Option(metavar="SIZE", help='Copy at most that: "500 GB".')] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would be copied.")] = False,
    json: JsonOption = False,
    installation: InstallationOption = None,
) -> None:
    """Drain a store that still works: copy what it has into others, and only then strike it.

    Its [[store]] must say retired = true, so that nothing more is written into it. Every package is looked
    for in the other stores at the end, its tag files read and its sizes compared; where one has less than
    its policy asks for, the store stays in the catalogue. Nothing is deleted in the store. Killed, it goes on
    where it was.

    Exit codes: 0 the store may be taken away, 4 a store does not hold what was promised, 6 it is needed.

    Example: muniment stores evacuate second --to third
    """
    from flows.archive.evacuate import Evacuation, evacuate_store
    from flows.archive.fill_progress import FillProgress
    from flows.archive.progress_line import shown
    from flows.installation.settings_file import load_settings
    from preservation.model.identifiers import StoreName
    from preservation.policy.fixity import size_in_bytes

    most = size_in_bytes(budget) if budget else None
    evacuation = Evacuation(StoreName(name), tuple(map(StoreName, to or ())), most, dry_run)
    progress = FillProgress(most)
    codes = set()
    with shown(progress.line, note):
        for one in evacuate_store(load_settings(installation), evacuation, progress):
            codes.add(_say_evacuation(one, name, json=json, dry_run=dry_run))
    raise typer.Exit(_INTEGRITY if _INTEGRITY in codes else max(codes, default=0))


def _say_evacuation(one: EvacuationOutcome, name: str, *, json: bool, dry_run: bool) -> int:
    from flows.archive.evacuate import EvacuatedStore, StillNeeded
    from flows.cli.replicate import say_outcome
    from preservation.model.amounts import count
    from preservation.model.paths import printable

    if isinstance(one, EvacuatedStore):
        if json:
            say_json({"store": one.store, "evacuated": True, "packages": one.packages})
        else:
            say(f"{one.store}: may be taken away")
            say(
                f"  Each of its {count(one.packages, 'package')} was just seen in as many other stores as "
                "its policy asks for (tag files read, sizes compared). The catalogue has nothing in it any "
                "more; nothing was deleted there. Take its [[store]] out of muniment.toml."
            )
        return 0
    if isinstance(one, StillNeeded):
        if json:
            package = str(one.package)
            say_json({"store": name, "evacuated": False, "package": package, "sentence": one.sentence})
        else:
            say(f"STILL NEEDED  {name}: {printable(str(one.package))}\n  {one.sentence}")
        return _STORAGE
    return say_outcome(one, json=json, dry_run=dry_run)
