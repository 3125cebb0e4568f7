"""``muniment retry``: have a drop from an inbox tried again once what stopped it is repaired."""

from typing import Annotated

import typer

from flows.cli.options import InstallationOption, JsonOption
from flows.cli.output import say, say_json
from preservation.model.amounts import count


def retry(
    name: Annotated[str, typer.Argument(metavar="COLLECTION/OBJECT", help="What was given up.")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show why it stopped; change nothing.")] = False,
    json: JsonOption = False,
    installation: InstallationOption = None,
) -> None:
    """Retry a drop that came through an inbox and was given up, or waits for its next try.

    The running service goes on with it at once, where it stopped, and counts its tries anew.

    Exit codes: 0 it goes on, 6 no drop of that name was tried and left, or its area is away.

    Example: muniment retry maps/sheet-012
    """
    from flows.inboxes.queue import approve
    from flows.installation.bell import take_bell
    from flows.installation.settings_file import load_settings
    from preservation.model.identifiers import object_id_named
    from preservation.model.paths import printable

    settings = load_settings(installation)
    object_id = object_id_named(name)
    stopped = approve.stopped_take(object_id, settings)
    if not dry_run:
        approve.retry(stopped)
        take_bell(settings).ring()
    runs = stopped.attempts.runs if stopped.attempts else 0
    if json:
        fields = {"object": str(object_id), "drop": stopped.take.path, "runs": runs}
        say_json({**fields, "sentence": stopped.sentence, "dry_run": dry_run})
        return
    done = "would be tried again" if dry_run else "is tried again by the running service"
    say(f"{printable(str(object_id))}: {done}")
    say(f"  it stopped after {count(runs, 'run')}: {printable(stopped.sentence)}")
