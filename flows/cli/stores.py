"""``muniment stores``: make places stores, and fill stores with the packages that they lack."""

from typing import Annotated

import typer

from flows.cli.options import InstallationOption, JsonOption
from flows.cli.output import say, say_json

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
    """Give stores their identities, by which each is told from the mount point of a disk that is away.

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
            say_json({"store": one.store, "made": made, "identity": identity, "sentence": one.sentence})
        elif isinstance(one, MadeStore):
            say(f"{one.store}  {one.identity}\n  {one.sentence}")
        else:
            say(f"NOT MADE  {one.store}\n  {one.sentence}")
        if isinstance(one, MadeStore) and one.line and not json:
            say(f"  muniment.toml cannot be written; add to its [[store]] called {one.store}: {one.line}")
    if not good:
        raise typer.Exit(_STORAGE)
