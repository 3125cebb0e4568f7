"""``muniment hold``: let what arrives in a place wait."""

from typing import Annotated

import typer

from flows.cli.options import InboxOption, InstallationOption, JsonOption
from flows.cli.output import say, say_json


def hold(
    name: Annotated[
        str,
        typer.Argument(metavar="COLLECTION[/GROUP...]", help="The collection, or a group of drops in it."),
    ],
    because: Annotated[str, typer.Option("--because", metavar="WHY", help="Why it is held.")],
    by: Annotated[str, typer.Option("--by", metavar="NAME", help="Who holds it.")],
    inbox: InboxOption = "",
    json: JsonOption = False,
    installation: InstallationOption = None,
) -> None:
    """Hold what arrives in the inbox of a collection, or in a group of drops there, until it is released.

    What lies there stays there; what was taken and no run works on waits in processing/. What a run works on
    is not stopped. A drop that waits for a person can still be approved or refused.

    Exit codes: 0 it is held, 6 there is no such inbox.

    Example: muniment hold maps/2026-05 --because "the scanner is being mended" --by "A. Turner"
    """
    from flows.inboxes.queue import holds
    from flows.installation.settings_file import load_settings
    from flows.installation.wiring import now
    from preservation.errors import NotFoundError

    settings = load_settings(installation)
    place = holds.place_named(name, inbox, settings)
    if refusal := settings.refusal_of(place.collection):
        raise NotFoundError(refusal)
    made = holds.hold(holds.Hold(place, because, by, now()), settings)
    if json:
        say_json({"place": made.place.name, "inbox": made.place.inbox, "sentence": made.sentence})
        return
    say(f"{made.place}: {made.sentence}")
    say(f"  it goes on with: muniment release {made.place.name}")
