"""``muniment init``: make an installation."""

from pathlib import Path
from typing import Annotated

import typer

from flows.cli.options import JsonOption
from flows.cli.output import say, say_json


def init(
    directory: Annotated[
        Path, typer.Argument(metavar="DIR", help="A directory that does not exist yet, or is empty.")
    ],
    json: JsonOption = False,
) -> None:
    """Make an installation: one directory with settings, policies, inboxes, two folder stores and keys.

    Nothing is overwritten. The two stores are on this machine; put the second one elsewhere, in
    muniment.toml, before you trust it with the only copy of something.

    Example: muniment init archive && muniment up -C archive
    """
    from flows.installation.init import make_installation

    file = make_installation(directory)
    if json:
        say_json({"installation": directory.resolve(), "settings": file.resolve()})
        return
    say(f"Made an installation in {directory}")
    say(f"  settings  {file}")
    say(f"  policies  {directory / 'policies'}   (copies: edit them)")
    say(f"  next      muniment doctor -C {directory}")
    say(f"            muniment up -C {directory}")
    say(f"            and then copy a folder of scans into {directory / 'inbox' / 'images'}")
