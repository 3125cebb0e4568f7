"""``muniment ui``: print the address that opens the UI in a browser."""

from flows.cli.options import InstallationOption
from flows.cli.output import say


def ui(installation: InstallationOption = None) -> None:
    """Print the address at which a browser opens the UI of the running service.

    The address admits one browser, within ten minutes, and is useless afterwards. The browser stays admitted
    until the service is started again. For a Prefect of your own the plain address is printed.

    Exit codes: 0 it is printed, 6 no Prefect is running.

    Example: muniment ui -C archive
    """
    from flows.installation.settings_file import load_settings
    from flows.orchestration.server import browser_link

    say(browser_link(load_settings(installation)))
