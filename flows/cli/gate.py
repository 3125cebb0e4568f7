"""``muniment gate``: what a good delivery is, and whether one is."""

import typer

from flows.cli.gate_calibrate import calibrate

VERBS = typer.Typer(no_args_is_help=True, help="Say what a good delivery is, and whether one is.")
VERBS.command()(calibrate)
