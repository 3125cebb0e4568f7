"""Whether the command would take some words, asked of its own parser; nothing is run."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import PurePath

import typer
from typer.core import TyperGroup

from flows.cli.application import app


def taken(words: Sequence[str]) -> None:
    """Parse ``muniment VERB …``; raise what the parser raises where it would not take it."""
    program, verb, *arguments = words
    assert PurePath(program).name == "muniment", program
    command = typer.main.get_command(app)
    assert isinstance(command, TyperGroup)
    command.commands[verb].make_context(verb, list(arguments))
