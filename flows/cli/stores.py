"""``muniment stores``: make places stores, and fill stores with the packages that they lack."""

from typing import Annotated

import typer

from flows.cli.options import InstallationOption, JsonOption
from flows.cli.output import say, say_json

_INTEGRITY = 4
_STORAGE = 6

VERBS = typer.Typer(
    no_args_is_help=True, rich_markup_mode=None, help="Give stores their identities, and what they lack."
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
    """Copy into each store the packages that it lacks, because it was away or is new.

    Each file is compared as it is read and read back from where it rests; the journal records each replica.
    A replica that stands in the catalogue and is gone as a whole is reported, and not replaced.

    Exit codes: 0 no store lacks anything any more, 4 a store does not hold what was promised, 6 a store is
    away or still lacks something; each is printed with its reason.

    Example: muniment stores fill --dry-run
    """
    from flows.archive.fill import FilledReplica, fill_installation
    from flows.installation.settings_file import load_settings
    from preservation.model.paths import printable

    code = 0
    filled = 0
    for one in fill_installation(load_settings(installation), dry_run=dry_run):
        done = isinstance(one, FilledReplica)
        filled += done
        sentence, damage = ("", False) if isinstance(one, FilledReplica) else (one.sentence, one.damage)
        if not done or dry_run:
            code = _INTEGRITY if damage or code == _INTEGRITY else _STORAGE
        package = None if one.package is None else str(one.package)
        if json:
            fields = {"store": one.store, "package": package, "filled": done and not dry_run}
            say_json({**fields, "sentence": sentence, "damage": damage, "dry_run": dry_run})
        elif done:
            say(f"{'lacking' if dry_run else 'filled'}  {one.store}: {printable(package or '')}")
        else:
            word = "DAMAGE" if damage else "NOT FILLED"
            say(f"{word}  {one.store}: {printable(package or 'all that it lacks')}\n  {sentence}")
    if not filled and not code and not json:
        say("No store lacks anything.")
    if code:
        raise typer.Exit(code)
