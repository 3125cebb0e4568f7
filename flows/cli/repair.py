"""``muniment repair``: put damaged files of replicas right, and approve that."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer
from typer.core import TyperGroup

from flows.cli.options import InstallationOption, JsonOption
from flows.cli.output import GRAVEST_FIRST, note, say, say_json

if TYPE_CHECKING:
    from typer._click.core import Context

    from flows.archive.repair_results import RepairResult

_OBJECTS = "objects"


class _ObjectsUnlessNamed(TyperGroup):
    """A group whose command ``objects`` need not be named: an object's name never is that of a command."""

    def parse_args(self, ctx: Context, args: list[str]) -> list[str]:
        if not args or (args[0] not in self.commands and args[0] not in ctx.help_option_names):
            args = [_OBJECTS, *args]
        return super().parse_args(ctx, args)


VERBS = typer.Typer(
    cls=_ObjectsUnlessNamed,
    rich_markup_mode=None,
    help=(
        "Put damaged files of replicas right: muniment repair COLLECTION/OBJECT, or muniment repair --all. "
        "See muniment repair objects --help."
    ),
)


@VERBS.command(_OBJECTS)
def objects(
    name: Annotated[
        str | None, typer.Argument(metavar="[COLLECTION/OBJECT]", help="Of this one.", show_default=False)
    ] = None,
    every: Annotated[bool, typer.Option("--all", help="Of every object.")] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Read the replicas; show what would be repaired; write nothing.")
    ] = False,
    json: JsonOption = False,
    installation: InstallationOption = None,
) -> None:
    """Put damaged files right, each from a replica that has it as it was kept.

    The damage is what audits found. Each file is compared as it is copied; what lay there goes to the
    quarantine before it is replaced; what was written is read back from where it rests. What is as it was
    kept is never replaced. Unless the settings say otherwise, a person has to approve first.

    Exit codes: 0 nothing is left to be repaired, 4 no replica has some file as it was kept, 6 something could
    not be repaired, 7 a person has to approve something; each is printed with its reason.

    Example: muniment repair maps/sheet-012 --dry-run
    """
    from flows.archive.repair import repair_damage
    from flows.archive.repair_results import RepairState
    from flows.installation.settings_file import load_settings
    from preservation.errors import ConfigurationError
    from preservation.model.identifiers import object_id_named

    if (name is None) is not every:
        raise ConfigurationError("name an object, or --all for every one")
    codes = {RepairState.NO_GOOD_REPLICA: 4, RepairState.NOT_HEALED: 6, RepairState.WAITING: 7}
    object_id = None if name is None else object_id_named(name)
    found = {0}
    nothing = True
    for result in repair_damage(load_settings(installation), object_id, dry_run=dry_run):
        nothing = False
        found.add(codes.get(result.state, 0))
        if json:
            say_json({**_fields(result), "dry_run": dry_run})
        else:
            _show(result)
    if nothing and not json:
        say("No damage is open.")
    code = next(one for one in GRAVEST_FIRST if one in found)
    if code:
        raise typer.Exit(code)


@VERBS.command()
def approve(
    numbers: Annotated[
        list[str], typer.Argument(metavar="NUMBER...", help="Of damages: 3, or 5-90 for all from 5 to 90.")
    ],
    because: Annotated[str, typer.Option("--because", metavar="WHY", help="Why it may be repaired.")],
    by: Annotated[str, typer.Option("--by", metavar="NAME", help="Who approves.")],
    json: JsonOption = False,
    installation: InstallationOption = None,
) -> None:
    """Approve the repair of damages. The next run of the job repairs them, or muniment repair does at once.

    The journal has who approved what, and why.

    Exit codes: 0 they are approved, 6 there is no damage of some number, and nothing was approved.

    Example: muniment repair approve 3 7-12 --because "the disk was exchanged" --by "A. Turner"
    """
    from flows.archive.repair_approval import approve_repairs, parse_numbers
    from flows.installation.settings_file import load_settings

    approved = approve_repairs(load_settings(installation), parse_numbers(numbers), by=by, because=because)
    for one in approved:
        if json:
            say_json(
                {"number": one.number, "package": str(one.damage.package), "sentence": one.damage.sentence}
            )
        else:
            say(f"approved  {one.number}: {one.damage.sentence}")
    if not approved:
        note("None of them is open and was not approved before.")


def _fields(result: RepairResult) -> dict[str, object]:
    from preservation.model.paths import printable

    damage = result.recorded.damage
    return {
        "number": result.recorded.number,
        "package": str(damage.package),
        "store": damage.store,
        "path": printable(damage.path),
        "damage": damage.kind,
        "state": result.state,
        "sentence": result.sentence,
        "salvage": [
            {"store": one.store, "location": one.location, "bytes": one.size} for one in result.salvage
        ],
    }


def _show(result: RepairResult) -> None:
    say(f"{result.state:16}{result.recorded.number}: {result.sentence}")
    for one in result.salvage:
        say(f"    {one.location}")
