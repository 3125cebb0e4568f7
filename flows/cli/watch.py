"""``muniment watch``: take the drops that are complete in the inboxes, and have them preserved."""

import signal
import threading

from flows.cli.options import InstallationOption
from flows.cli.output import note


def watch(installation: InstallationOption = None) -> None:
    """Watch every inbox, take the drops that are complete, and ask Prefect for the runs that preserve them.

    `muniment up` runs one by itself. One is enough for an installation, and several do no harm: each drop
    is taken by one of them. Stop it by Ctrl-C or SIGTERM at any time; the runs it asked for go on.

    Example: muniment watch -C archive
    """
    import os

    from flows.cli.preserve import log_to_stderr
    from flows.installation.settings_file import load_settings
    from flows.orchestration.environment import client_environment
    from flows.orchestration.server import running_api
    from flows.service.supervise import end_with_supervisor

    end_with_supervisor()
    settings = load_settings(installation)
    api = running_api(settings)
    stopped = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopped.set())
    log_to_stderr()
    # Prefect reads its environment when it is imported.
    os.environ.update(client_environment(settings, api))
    from flows.service.dispatch_loop import run_dispatch_loop

    note(f"muniment: watching the inboxes of {settings.directory}")
    run_dispatch_loop(settings, api, stopped, lambda text: note(f"muniment: {text}"))
    note("muniment: no longer watching")
