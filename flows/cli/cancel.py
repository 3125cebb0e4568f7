"""``muniment cancel``: end a drop that was taken from an inbox and that no run works on."""

from typing import Annotated

import typer

from flows.cli.options import InstallationOption, JsonOption
from flows.cli.output import say, say_json


def cancel(
    name: Annotated[str, typer.Argument(metavar="COLLECTION/OBJECT", help="What is queued.")],
    because: Annotated[str, typer.Option("--because", metavar="WHY", help="Why it is not kept.")],
    by: Annotated[str, typer.Option("--by", metavar="NAME", help="Who cancels it.")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what is queued; change nothing.")] = False,
    json: JsonOption = False,
    installation: InstallationOption = None,
) -> None:
    """Cancel a drop that was taken from an inbox and is queued: held, waiting for a run, or interrupted.

    It ends as rejected, as if a person had refused it: it moves to rejected/, unchanged, with a receipt that
    says who cancelled it, and why. The journal records it. What lies in an inbox still is not queued: move it
    away. What a run works on is cancelled in the Prefect UI.

    Exit codes: 0 it is cancelled, 6 no drop of that name is queued, a run works on it, or it could not be
    recorded. Where it is cancelled but the journal could not be sealed: 4 it is broken, 2 its key is missing.

    Example: muniment cancel maps/sheet-012 --because "dropped twice" --by "A. Turner"
    """
    from flows.archive.journal_seal import seal
    from flows.inboxes import refuse
    from flows.installation.settings_file import load_settings
    from flows.installation.wiring import open_installation
    from preservation.model.identifiers import object_id_named
    from preservation.model.paths import printable

    settings = load_settings(installation)
    queued = refuse.queued_submission(object_id_named(name), settings)
    with open_installation(settings) as opened:
        receipt = None if dry_run else refuse.refuse(queued, opened, by=by, because=because).receipt
        if json:
            say_json(
                {"object": str(queued.drop), "drop": queued.drop.path, "receipt": receipt, "dry_run": dry_run}
            )
        else:
            done = "would be cancelled" if dry_run else "cancelled; it is not kept"
            say(f"{printable(str(queued.drop))}: {done}")
            if receipt is not None:
                say(f"  receipt  {printable(str(receipt))}")
        if not dry_run:
            # It is cancelled, whatever becomes of this.
            seal(opened)
