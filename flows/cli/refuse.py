"""``muniment refuse``: end a drop that waits for a person; it is not kept."""

from typing import Annotated

import typer

from flows.cli.options import InstallationOption, JsonOption
from flows.cli.output import say, say_json


def refuse(
    name: Annotated[str, typer.Argument(metavar="COLLECTION/OBJECT", help="What waits.")],
    because: Annotated[str, typer.Option("--because", metavar="WHY", help="Why it is not kept.")],
    by: Annotated[str, typer.Option("--by", metavar="NAME", help="Who refuses.")],
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show what it waits for; change nothing.")
    ] = False,
    json: JsonOption = False,
    installation: InstallationOption = None,
) -> None:
    """Refuse a drop that waits for a person, from an inbox or given to `muniment preserve`.

    It ends as rejected. A drop from an inbox moves to rejected/, with a receipt that says who refused it, and
    why; one that was given to `muniment preserve` stays where it is. The journal records it.

    Exit codes: 0 it is refused, 6 nothing of that name waits, or it could not be recorded. Where it is
    refused but the journal could not be sealed: 4 it is broken, 2 its key is missing.

    Example: muniment refuse maps/sheet-012 --because "it belongs to another archive" --by "A. Turner"
    """
    from flows.archive.journal_seal import seal
    from flows.inboxes import refuse as refusals
    from flows.installation.settings_file import load_settings
    from flows.installation.wiring import open_installation
    from preservation.model.identifiers import object_id_named
    from preservation.model.paths import printable

    settings = load_settings(installation)
    object_id = object_id_named(name)
    waiting = refusals.waiting_submission(object_id, settings)
    with open_installation(settings) as opened:
        receipt = None if dry_run else refusals.refuse(waiting, opened, by=by, because=because).receipt
        if json:
            fields = {"object": str(object_id), "waited_for": waiting.sentence, "receipt": receipt}
            say_json({**fields, "dry_run": dry_run})
        else:
            done = "would be refused" if dry_run else "refused; it is not kept"
            say(f"{printable(str(object_id))}: {done}")
            say(f"  it waited for: {printable(waiting.sentence)}")
            if receipt is not None:
                say(f"  receipt  {printable(str(receipt))}")
        if not dry_run:
            # It is refused, whatever becomes of this.
            seal(opened)
