"""``muniment clear``: remove drops from ``accepted/`` whose time is over and whose replicas are sound."""

from typing import Annotated

import typer

from flows.cli.options import InstallationOption, JsonOption
from flows.cli.output import say, say_json

_NOT_GOOD = 4


def clear(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Read back and report; remove nothing.")] = False,
    json: JsonOption = False,
    installation: InstallationOption = None,
) -> None:
    """Remove drops from accepted/ that are there for longer than their policy's [retention] accepted_days.

    A drop is removed where it is unchanged and as many replicas of its package as the policy asks for were
    read back just before. The journal records the removal.

    Exit codes: 0 what was due is removed, 4 a drop had to stay or could not be checked, or a replica does
    not hold what was promised; each is printed with its reason.

    Example: muniment clear --dry-run -C archive
    """
    from flows.inboxes.accepted.clear import ClearedDrop, clear_installation
    from flows.installation.settings_file import load_settings
    from preservation.model.paths import printable

    good = True
    due = 0
    for one in clear_installation(load_settings(installation), dry_run=dry_run):
        due += 1
        cleared = isinstance(one, ClearedDrop)
        good &= cleared and not one.unsound
        if json:
            fields = {"path": one.path, "removed": cleared and not dry_run, "sentence": one.sentence}
            unsound = [
                {"store": fault.store, "package": str(fault.package), "sentence": fault.sentence}
                for fault in one.unsound
            ]
            say_json({**fields, "unsound": unsound, "dry_run": dry_run})
        else:
            verb = ("would be removed" if dry_run else "removed") if cleared else "STAYS"
            say(f"{verb}  {printable(str(one.path))}\n  {one.sentence}")
            for fault in one.unsound:
                say(f"UNSOUND  {fault.package} in store {fault.store}\n  {fault.sentence}")
    if not due and not json:
        say("Nothing in accepted/ is due.")
    if not good:
        raise typer.Exit(_NOT_GOOD)
