"""``muniment chaos``: damage a store for a rehearsal."""

from typing import Annotated

import typer

from flows.cli.options import InstallationOption, JsonOption
from flows.cli.output import say, say_json


def chaos(
    store: Annotated[str, typer.Option("--store", metavar="STORE", help="The store to damage.")],
    seed: Annotated[int, typer.Option("--seed", metavar="NUMBER", help="Chooses the injuries.")],
    most: Annotated[int, typer.Option("--count", min=1, max=10_000, help="How many injuries.")] = 7,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show the injuries; damage nothing.")] = False,
    json: JsonOption = False,
    installation: InstallationOption = None,
) -> None:
    """Damage files in a store, to rehearse that audits find it and that repair puts it right.

    Only a store that has `rehearsal = true` in its [[store]] is damaged. A bit is flipped, a file is cut,
    zeroed, swapped with another, deleted, added, or altered together with its manifests. The same seed does
    the same to a store that holds the same. What was done to what is printed: the truth to compare with.

    Exit codes: 0 done, 2 the store is not there to be damaged, 6 it is away.

    Example: muniment chaos --store rehearsal --seed 7 --dry-run
    """
    from flows.archive.chaos import rehearse
    from flows.installation.settings_file import load_settings
    from preservation.model.identifiers import StoreName
    from preservation.model.paths import printable

    nothing = True
    for done in rehearse(load_settings(installation), StoreName(store), seed, most, dry_run=dry_run):
        nothing = False
        keys = [printable(key) for key in done.injury.keys]
        if json:
            fields = {"store": store, "injury": done.injury.kind, "keys": keys, "what": done.what}
            say_json({**fields, "dry_run": dry_run})
        else:
            said = f"\n  {done.what}" if done.what else ""
            say(f"{done.injury.kind:10}{' and '.join(keys)}{said}")
    if nothing and not json:
        say(f"Store {store} holds nothing to damage.")
