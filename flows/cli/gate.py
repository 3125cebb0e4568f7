"""``muniment gate``: what a good delivery is, and whether one is."""

import typer

from flows.cli.gate_calibrate import calibrate
from flows.cli.gate_check import check

VERBS = typer.Typer(
    no_args_is_help=True, rich_markup_mode=None, help="Say what a good delivery is, and whether one is."
)
VERBS.command()(check)
VERBS.command()(calibrate)
