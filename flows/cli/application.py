"""The command's parser: collects every verb."""

from functools import cache
from importlib import import_module
from typing import Annotated

import typer

from flows.cli.output import say

_VERBS = (
    "init",
    "doctor",
    "up",
    "ui",
    "watch",
    "worker",
    "preserve",
    "adopt",
    "approve",
    "refuse",
    "retry",
    "hold",
    "release",
    "cancel",
    "waiver",
    "abandon",
    "clear",
    "upgrade",
    "rebuild",
    "order",
    "status",
    "alarms",
    "list",
    "audit",
    "damage",
    "replicate",
    "restore",
    "drill",
    "report",
    "identify",
    "examine",
    "gate",
    "validate",
    "policy",
    "metadata",
    "journal",
    "stores",
    "repair",
    "chaos",
)
"""Modules of this package, in the order in which a newcomer meets them.

Each has the function of its name, or ``VERBS``, a group of several.
"""


def _say_version(asked: bool) -> None:
    if asked:
        from importlib.metadata import version

        say(f"muniment {version('muniment')}")
        raise typer.Exit


def _options(
    _: Annotated[
        bool, typer.Option("--version", callback=_say_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    pass


@cache
def application(asked: str = "") -> typer.Typer:
    """Return the parser of all verbs; of the one that is ``asked`` alone, where it is one.

    That of all takes longer than most verbs do.
    """
    app = typer.Typer(
        name="muniment",
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        # Rich's markup would cost a quarter of a second before the first word.
        rich_markup_mode=None,
        context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
        help=(
            "Keeps what is dropped into a folder, provably.\n\n"
            "Exit codes: 0 ok, 1 unexpected, 2 settings or policy, 3 content, 4 integrity, 5 an external "
            "program, 6 storage, 7 waiting for a person, 8 kept, without a preservation copy that the policy "
            "asks for, 130 cancelled."
        ),
    )
    app.callback()(_options)
    for verb in (asked,) if asked in _VERBS else _VERBS:
        module = import_module(f"flows.cli.{verb}")
        if hasattr(module, "VERBS"):
            app.add_typer(module.VERBS, name=verb)
        else:
            app.command(verb)(getattr(module, verb))
    return app
