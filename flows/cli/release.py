"""``muniment release``: let what is held go on."""

from typing import Annotated

import typer

from flows.cli.options import InboxOption, InstallationOption, JsonOption
from flows.cli.output import say, say_json


def release(
    name: Annotated[
        str,
        typer.Argument(metavar="COLLECTION[/GROUP...]", help="What is held, as muniment status names it."),
    ],
    inbox: InboxOption = "",
    json: JsonOption = False,
    installation: InstallationOption = None,
) -> None:
    """Release what is held in the inbox of a collection, with every group of drops in it.

    The running service goes on with it at once. Where drop after drop was sent back for the same fault, the
    count begins anew.

    Exit codes: 0 it is released, 6 nothing is held there.

    Example: muniment release maps/2026-05
    """
    from flows.inboxes.queue import holds
    from flows.installation.bell import take_bell
    from flows.installation.settings_file import load_settings
    from preservation.errors import NotFoundError

    settings = load_settings(installation)
    place = holds.place_named(name, inbox, settings)
    released = holds.release(place, settings)
    if not released:
        raise NotFoundError(f"{place}: nothing is held there; muniment status shows what is")
    take_bell(settings).ring()
    for one in released:
        if json:
            say_json({"place": one.place.name, "inbox": one.place.inbox, "sentence": one.sentence})
        else:
            say(f"{one.place}: released; it was {one.sentence}")
