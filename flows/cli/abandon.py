"""``muniment abandon``: end a submission that was left and whose drop is gone."""

from typing import Annotated

import typer

from flows.cli.options import InstallationOption, JsonOption
from flows.cli.output import say, say_json


def abandon(
    name: Annotated[str, typer.Argument(metavar="COLLECTION/OBJECT", help="What was left.")],
    because: Annotated[str, typer.Option("--because", metavar="WHY", help="Why it is abandoned.")],
    by: Annotated[str, typer.Option("--by", metavar="NAME", help="Who abandons it.")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would be done.")] = False,
    json: JsonOption = False,
    installation: InstallationOption = None,
) -> None:
    """Abandon a submission that was left on its way and cannot go on, because its drop is gone.

    The journal records who abandoned it, and why. What it had begun in stores is removed; what is kept stays.

    Exit codes: 0 it is ended, 6 there is none, its drop is still there, or a run works on it. Where it is
    ended but the journal could not be sealed: 4 it is broken, 2 its key is missing.

    Example: muniment abandon maps/sheet-012 --because "a typing error in the form" --by "A. Turner"
    """
    from flows.archive.journal_seal import seal
    from flows.installation.settings_file import load_settings
    from flows.installation.wiring import open_installation
    from flows.submission.abandon import abandon as end
    from preservation.model.identifiers import object_id_named
    from preservation.model.paths import printable

    object_id = object_id_named(name)
    with open_installation(load_settings(installation)) as opened:
        sentence = end(object_id, opened, because=because, by=by, dry_run=dry_run)
        if json:
            say_json({"object": str(object_id), "sentence": sentence, "dry_run": dry_run})
        else:
            say(f"{printable(str(object_id))}: {'dry run, nothing is changed' if dry_run else 'ended'}")
            say(f"  {sentence}")
        if not dry_run:
            # It is ended, whatever becomes of this.
            seal(opened)
