"""``muniment worker``: run the flow runs that Prefect has for it."""

import os
from typing import Annotated

import typer

from flows.cli.options import InstallationOption
from flows.cli.output import note


def worker(
    at_a_time: Annotated[
        int | None,
        typer.Option(
            "--at-a-time",
            min=1,
            max=64,
            metavar="N",
            help="Runs at the same time; else [work] at_a_time.",
            show_default=False,
        ),
    ] = None,
    installation: InstallationOption = None,
) -> None:
    """Take runs from the Prefect work pool `muniment` and run them, until stopped.

    `muniment up` runs one by itself. Start more on other machines that reach the same Prefect, inboxes
    and stores. The first Ctrl-C or SIGTERM takes no further run and lets those under way go on, for as
    long as [service] drain_seconds says; the second one ends them at once, and they go on later.

    Example: muniment worker --at-a-time 4 -C archive
    """
    from flows.installation.settings_file import load_settings
    from flows.orchestration.environment import client_environment
    from flows.orchestration.runner.run_processes import run_processes
    from flows.orchestration.runner.slots import held_slot
    from flows.orchestration.server import running_api
    from flows.service.supervise import end_with_supervisor

    end_with_supervisor()
    settings = load_settings(installation)
    api = running_api(settings)
    os.environ.update(client_environment(settings, api))
    processes = run_processes(settings)
    if processes is None:
        return
    from flows.orchestration.worker import work

    with processes, held_slot(settings) as slot:
        at_a_time = at_a_time or settings.work.at_a_time
        work(settings, api, processes, slot, at_a_time, lambda text: note(f"muniment: {text}"))
    note("muniment: stopped")
