"""``muniment approve``: answer the question that a drop from an inbox waits for."""

from typing import Annotated

import typer

from flows.cli.options import InstallationOption, JsonOption
from flows.cli.output import say, say_json


def approve(
    name: Annotated[str, typer.Argument(metavar="COLLECTION/OBJECT", help="What waits.")],
    because: Annotated[str, typer.Option("--because", metavar="WHY", help="Why it may be kept.")],
    by: Annotated[str, typer.Option("--by", metavar="NAME", help="Who approves.")],
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show what it waits for; change nothing.")
    ] = False,
    json: JsonOption = False,
    installation: InstallationOption = None,
) -> None:
    """Approve a drop that came through an inbox and waits for a person; the running service goes on with it.

    The journal and the package record who approved it, and why. A drop that was given to
    `muniment preserve` is approved there, with --approve. To keep none of it, move the drop out of
    processing/.taken/ by hand.

    Exit codes: 0 it goes on, 6 nothing of that name waits, or no Prefect is running.

    Example: muniment approve maps/sheet-012 --because "the torn edge is as in the original" --by "A. Turner"
    """
    import os

    from flows.inboxes.queue.approve import newer_version_warning, preserve_approved, waiting_take
    from flows.inboxes.queue.attempts import attempts_of
    from flows.installation.bell import take_bell
    from flows.installation.settings_file import load_settings
    from flows.installation.wiring import open_installation
    from flows.orchestration.environment import client_environment
    from flows.orchestration.server import running_api
    from preservation.model.identifiers import object_id_named

    settings = load_settings(installation)
    object_id = object_id_named(name)
    take = waiting_take(object_id, settings)
    tries = attempts_of(take)
    with open_installation(settings) as opened:
        warning = newer_version_warning(take, opened.catalogue)
    if not dry_run:
        api = running_api(settings)
        os.environ.update(client_environment(settings, api))
        from flows.orchestration.run_requests import open_runs

        with open_runs(settings, api) as runs:
            preserve_approved(take, settings, by=by, because=because, ask=runs.ask)
        take_bell(settings).ring()
    waited_for = tries.sentence if tries else ""
    if json:
        fields = {"object": str(object_id), "waited_for": waited_for, "warning": warning}
        say_json({**fields, "dry_run": dry_run})
        return
    say(f"{object_id}: {'would be approved' if dry_run else 'approved; it goes on'}")
    say(f"  it waited for: {waited_for}")
    if warning:
        say(f"  WARNING: {warning}")
