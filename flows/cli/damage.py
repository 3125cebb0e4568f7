"""``muniment damage``: what is damaged in the stores, and closing what a person lets be."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from flows.cli.options import InstallationOption, JsonOption
from flows.cli.output import say, say_json

if TYPE_CHECKING:
    from storage.ports.audits import RecordedDamage

_DAMAGED = 4

VERBS = typer.Typer(rich_markup_mode=None)


@VERBS.callback(invoke_without_command=True)
def damage(
    context: typer.Context,
    everything: Annotated[bool, typer.Option("--all", help="Also what is healed or closed.")] = False,
    json: JsonOption = False,
    installation: InstallationOption = None,
) -> None:
    """Show the files in the stores that were read and are not as they were kept.

    Each is open until it is read again as it was kept, or a person closes it.

    Exit codes: 0 no damage is open, 4 some is.

    Example: muniment damage
    """
    if context.invoked_subcommand is not None:
        return
    from flows.archive.damage import damages
    from flows.installation.settings_file import load_settings
    from storage.ports.audits import DamageState

    found = damages(load_settings(installation), ended=everything)
    for one in found:
        if json:
            say_json(_fields(one))
        else:
            _say(one)
    is_open = any(one.state is DamageState.OPEN for one in found)
    if not json:
        say("Times: UTC." if found else "No damage is open.")
    if is_open:
        raise typer.Exit(_DAMAGED)


@VERBS.command()
def close(
    numbers: Annotated[list[int], typer.Argument(metavar="NUMBER...", help="As muniment damage shows them.")],
    because: Annotated[str, typer.Option("--because", metavar="WHY", help="Why nothing is to be done.")],
    by: Annotated[str, typer.Option("--by", metavar="NAME", help="Who closes it.")],
    json: JsonOption = False,
    installation: InstallationOption = None,
) -> None:
    """Close damage that is to stay as it is. Nothing is changed in a store; read again, it is new damage.

    The journal has who closed it, and why: muniment journal show.

    Exit codes: 0 it is closed, 6 there is no such number.

    Example: muniment damage close 12 --because "the object was withdrawn" --by "A. Turner"
    """
    from flows.archive.damage import close_damages
    from flows.installation.settings_file import load_settings

    for one in close_damages(load_settings(installation), numbers, by=by, because=because):
        if json:
            say_json(_fields(one))
        else:
            say(f"closed  {one.number}  {one.damage.sentence}")


def _say(one: RecordedDamage) -> None:
    from flows.cli.status_view import moment

    found = one.damage
    say(f"{one.number}  {found.kind.value.upper()}  {found.sentence}")
    seen = "" if found.at == one.found_at else f", seen again {moment(found.at)}"
    say(f"    found {moment(one.found_at)}{seen}")
    if one.ended_at is not None:
        by = f" by {one.ended_by}" if one.ended_by else ""
        say(f"    {one.state.value} {moment(one.ended_at)}{by}: {one.because}")


def _fields(one: RecordedDamage) -> dict[str, object]:
    found = one.damage
    return {
        "number": one.number,
        "package": str(found.package),
        "store": found.store,
        "path": found.path,
        "kind": found.kind,
        "sentence": found.sentence,
        "kept": {str(name): digest for name, digest in found.promised.items()},
        "found": None if found.found is None else {str(name): digest for name, digest in found.found.items()},
        "found_size": found.found_size,
        "found_at": one.found_at,
        "seen_at": found.at,
        "state": one.state,
        "ended_at": one.ended_at,
        "ended_by": one.ended_by,
        "because": one.because,
    }
