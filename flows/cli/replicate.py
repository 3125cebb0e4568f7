"""``muniment replicate``: bring every package back to what its policy promises."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from flows.cli.options import InstallationOption, JsonOption
from flows.cli.output import GRAVEST_FIRST, note, say, say_json

if TYPE_CHECKING:
    from collections.abc import Iterable

    from flows.archive.fill_outcomes import FilledReplica, LeftForLater, NotFilled, Shortfall
    from flows.archive.fill_request import FillRequest

_INTEGRITY = 4
_STORAGE = 6


def replicate(
    missing: Annotated[
        bool, typer.Option("--missing", help="Replicas that stores lack or have lost.")
    ] = False,
    collection: Annotated[str | None, typer.Option(metavar="NAME", help="Only this collection.")] = None,
    store: Annotated[str | None, typer.Option(metavar="NAME", help="Only this store.")] = None,
    budget: Annotated[str | None, typer.Option(metavar="SIZE", help='Copy at most that: "500 GB".')] = None,
    really_all: Annotated[
        bool, typer.Option("--really-all", help="Also where more than a tenth of a store is gone.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what is missing; copy nothing.")] = False,
    json: JsonOption = False,
    installation: InstallationOption = None,
) -> None:
    """Copy into each store the packages that it lacks, and those that are gone from it as a whole.

    Each file is compared as it is read and read back from where it rests; the journal records each replica.
    Nothing is written over anything: where only some files of a replica are gone, it stays as it is. Killed,
    it goes on where it was. Packages that still have less than their policies ask for come last.

    Exit codes: 0 every package has what its policy promises, 4 a store does not hold what was promised, 6 a
    store is away or still lacks something; each is printed with its reason.

    Example: muniment replicate --missing --dry-run
    """
    from flows.archive.fill_request import FillRequest
    from preservation.errors import ConfigurationError
    from preservation.model.identifiers import CollectionName, StoreName
    from preservation.policy.fixity import size_in_bytes

    if not missing:
        raise ConfigurationError("nothing says what is to be replicated; run: muniment replicate --missing")
    request = FillRequest(
        CollectionName(collection) if collection else None,
        StoreName(store) if store else None,
        size_in_bytes(budget) if budget else None,
        really_all,
        dry_run,
    )
    fill_stores(request, installation, json=json)


def fill_stores(request: FillRequest, installation: InstallationOption, *, json: bool) -> None:
    """Fill the stores, say what came of each replica, and end with the exit code that it means."""
    from flows.archive.fill import fill_installation
    from flows.archive.fill_progress import FillProgress
    from flows.archive.progress_line import shown
    from flows.installation.settings_file import load_settings

    progress = FillProgress(request.budget)
    with shown(progress.line, note):
        codes = say_outcomes(
            fill_installation(load_settings(installation), request, progress),
            json=json,
            dry_run=request.dry_run,
        )
    if not codes and not json:
        say("No store lacks anything.")
    raise typer.Exit(_code_of(codes))


def say_outcomes(
    outcomes: Iterable[FilledReplica | NotFilled | LeftForLater | Shortfall], *, json: bool, dry_run: bool
) -> set[int]:
    """Say each, and return the exit codes that they mean; none where there was none."""
    return {say_outcome(one, json=json, dry_run=dry_run) for one in outcomes}


def say_outcome(
    one: FilledReplica | NotFilled | LeftForLater | Shortfall, *, json: bool, dry_run: bool
) -> int:
    """Say what came of one replica, and return the exit code that it means."""
    from flows.archive.fill_outcomes import FilledReplica, LeftForLater, NotFilled
    from preservation.model.paths import printable

    filled = isinstance(one, FilledReplica)
    damage = isinstance(one, NotFilled) and one.damage
    sentence = "" if isinstance(one, FilledReplica) else one.sentence
    store = one.store if isinstance(one, FilledReplica | NotFilled) else None
    package = None if isinstance(one, LeftForLater) or one.package is None else str(one.package)
    code = _INTEGRITY if damage else _STORAGE if not filled or dry_run else 0
    if json:
        fields: dict[str, object] = {"store": store, "package": package, "filled": filled and not dry_run}
        was_gone = isinstance(one, FilledReplica) and one.was_gone
        size = one.bytes if isinstance(one, FilledReplica | LeftForLater) else None
        say_json(
            {
                **fields,
                "was_gone": was_gone,
                "bytes": size,
                "sentence": sentence,
                "damage": damage,
                "dry_run": dry_run,
            }
        )
        return code
    name = printable(package or "all that it lacks")
    if isinstance(one, FilledReplica):
        word = ("gone" if one.was_gone else "lacking") if dry_run else "filled"
        say(f"{word}  {store}: {name}")
    elif isinstance(one, NotFilled):
        say(f"{'DAMAGE' if damage else 'NOT FILLED'}  {store}: {name}\n  {sentence}")
    elif isinstance(one, LeftForLater):
        say(f"LEFT  {sentence}.")
    else:
        say(f"BELOW POLICY  {name}\n  {sentence}")
    return code


def _code_of(codes: set[int]) -> int:
    # Damage comes first: that a store is away, too, is printed.
    return _INTEGRITY if _INTEGRITY in codes else next((one for one in GRAVEST_FIRST if one in codes), 0)
