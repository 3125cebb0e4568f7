"""The command's entry: collects the verbs, and turns every error into a sentence and an exit code."""

from __future__ import annotations

import os
import sys
from importlib import import_module

import typer

from flows.cli.output import note
from preservation.errors import PreservationError

_VERBS = (
    "init",
    "doctor",
    "up",
    "preserve",
    "status",
    "restore",
    "identify",
    "validate",
    "policy",
    "journal",
)
"""Modules of this package, in the order in which a newcomer meets them; each offers ``register``."""

_CANCELLED = 130

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


def main() -> None:
    """Run the command. No traceback reaches a person unless ``MUNIMENT_TRACEBACK`` is set."""
    try:
        app()
    except PreservationError as error:
        _show_traceback_where_asked()
        note(f"muniment: {error}")
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        note("muniment: cancelled; run the same command again to go on where it was")
        sys.exit(_CANCELLED)
    except BrokenPipeError:
        # The reader of our output has gone (``muniment … | head``): nothing is left to be said.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)
    except Exception as error:  # noqa: BLE001  the last guard before a person: everything else is a fault of ours
        _show_traceback_where_asked()
        note(
            f"muniment: unexpected {type(error).__name__}: {error}\n"
            "  This is a fault in Muniment, not in your files, and nothing was lost. "
            "Set MUNIMENT_TRACEBACK=1 and run it again to see where."
        )
        sys.exit(1)


def _show_traceback_where_asked() -> None:
    if os.environ.get("MUNIMENT_TRACEBACK"):
        sys.excepthook(*sys.exc_info())


if __name__ == "__main__":
    main()
