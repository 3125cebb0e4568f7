"""The command's own parser: whether it takes some words, and what comes of them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import PurePath

import typer
from click.testing import Result
from typer.core import TyperGroup
from typer.testing import CliRunner

from flows.cli.application import application


def taken(words: Sequence[str]) -> None:
    """Parse ``muniment VERB …``; raise what the parser raises where it would not take it."""
    program, verb, *arguments = words
    assert PurePath(program).name == "muniment", program
    command = typer.main.get_command(application(verb))
    assert isinstance(command, TyperGroup)
    command.commands[verb].make_context(verb, list(arguments))


def invoked(*words: str | PurePath) -> Result:
    """Run ``muniment VERB …`` as a library would, and return what it printed, and its end."""
    return CliRunner().invoke(application(str(words[0])), [*map(str, words)])
