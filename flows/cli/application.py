"""The command as its parser knows it: every verb, collected."""

from __future__ import annotations

from importlib import import_module

import typer

_VERBS = (
    "init",
    "doctor",
    "up",
    "ui",
    "watch",
    "worker",
    "preserve",
    "approve",
    "retry",
    "clear",
    "status",
    "restore",
    "identify",
    "validate",
    "policy",
    "journal",
)
"""Modules of this package, in the order in which a newcomer meets them; each offers ``register``."""

app = typer.Typer(
    name="muniment",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    # Rich's markup would cost a quarter of a second before the first word.
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    help=(
        "Keeps what is dropped into a folder, provably.\n\n"
        "Exit codes: 0 ok, 1 unexpected, 2 settings or policy, 3 content, 4 integrity, 5 an external "
        "program, 6 storage, 7 waiting for a person, 130 cancelled."
    ),
)

for _verb in _VERBS:
    import_module(f"flows.cli.{_verb}").register(app)
