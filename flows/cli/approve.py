"""``muniment approve``: answer the question that a drop waits for."""

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
    """Approve a drop that waits for a person: it goes on, and is kept as it is.

    A drop from an inbox is preserved by the running service. One that was given to `muniment preserve` is
    preserved by this command, which answers as `preserve` does. The journal, the package and the receipt
    record who approved it, and why. To keep none of it: `muniment refuse`.

    Exit codes: 0 it goes on, 6 nothing of that name waits, or no Prefect is running; else those of preserve.

    Example: muniment approve maps/sheet-012 --because "the torn edge is as in the original" --by "A. Turner"
    """
    import dataclasses
    import os

    from flows.inboxes.queue.approve import newer_version_warning, preserve_approved
    from flows.inboxes.refuse import waiting_submission
    from flows.installation.bell import take_bell
    from flows.installation.settings_file import load_settings
    from flows.installation.wiring import open_installation
    from flows.orchestration.environment import client_environment
    from flows.orchestration.server import running_api
    from preservation.model.identifiers import object_id_named
    from preservation.model.paths import printable

    settings = load_settings(installation)
    object_id = object_id_named(name)
    waiting = waiting_submission(object_id, settings)
    take = waiting.take
    if take is None and not dry_run:
        from flows.cli.preserve import log_to_stderr, preserve_drops

        log_to_stderr()
        preserve_drops(
            [dataclasses.replace(waiting.drop, approved_by=by, because=because)], settings, json=json
        )
        return
    warning = ""
    if take is not None:
        with open_installation(settings) as opened:
            warning = newer_version_warning(take, opened.catalogue)
    if take is not None and not dry_run:
        api = running_api(settings)
        os.environ.update(client_environment(settings, api))
        from flows.orchestration.run_requests import open_runs

        with open_runs(settings, api) as runs:
            preserve_approved(take, settings, by=by, because=because, ask=runs.ask)
        take_bell(settings).ring()
    if json:
        fields = {"object": str(object_id), "waited_for": waiting.sentence, "warning": warning}
        say_json({**fields, "dry_run": dry_run})
        return
    say(f"{printable(str(object_id))}: {'would be approved' if dry_run else 'approved; it goes on'}")
    say(f"  it waited for: {printable(waiting.sentence)}")
    if warning:
        say(f"  WARNING: {warning}")
