"""``muniment waiver``: findings that a person lets pass, and what else persons decided of drops to come."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from flows.cli.options import InstallationOption, JsonOption
from flows.cli.output import say, say_json

if TYPE_CHECKING:
    from flows.installation.settings import Settings
    from preservation.model.identifiers import CollectionName, ObjectName
    from preservation.model.paths import RelativePath
    from preservation.model.rulings import Ruling

VERBS = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    help="Findings that are waived: give a waiver with a reason, list and end them.",
)
_DAYS: Final = 90
ByOption = Annotated[str, typer.Option("--by", metavar="NAME", help="Who decides.")]
BecauseOption = Annotated[str, typer.Option("--because", metavar="WHY", help="Why.")]


@VERBS.command()
def give(  # noqa: PLR0913  the options of the verb
    place: Annotated[
        str, typer.Argument(metavar="COLLECTION[/OBJECT]", help="One object, or all of a collection.")
    ],
    code: Annotated[str, typer.Argument(metavar="CODE", help="The finding, such as IMG-004.")],
    *,
    because: BecauseOption,
    by: ByOption,
    path: Annotated[
        str, typer.Option(metavar="PATH", help="Only of this file, below the root of the drop.")
    ] = "",
    batch: Annotated[str, typer.Option(metavar="BATCH", help="Only of objects ordered in this batch.")] = "",
    until: Annotated[
        datetime | None,
        typer.Option(
            formats=["%Y-%m-%d"],
            metavar="DATE",
            help="The last day on which it holds; of one object: 90 days.",
        ),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show it; change nothing.")] = False,
    json: JsonOption = False,
    installation: InstallationOption = None,
) -> None:
    """Waive a finding: it sends no drop back any more, and asks nobody, up to a day.

    It holds for drops that are judged from now on, so what was sent back is dropped again. In the receipt, in
    PREMIS and in the journal the finding stays, with who waived it, and why. Only what a policy demands can
    be waived: no malware, no checksum that differs, no file that cannot be read. For a whole collection or
    a batch --until is needed.

    Exit codes: 0 it holds, 2 that cannot be waived, or not for so long, 6 it could not be recorded.

    Example: muniment waiver give maps/sheet-012 PAG-005 --because "bound so" --by "A. Turner"
    """
    from flows.installation.settings_file import load_settings
    from flows.installation.wiring import now, open_installation
    from flows.submission import rulings
    from preservation.model.rulings import Waiver

    settings, at = load_settings(installation), now()
    title = _title_of(code)
    collection, name, file = _scope_of(place, path, settings)
    last = _last_day(until, at, is_of_one=name is not None)

    def made(number: int) -> Waiver:
        return Waiver(number, code, collection, name, batch, file, last, because, by, at)

    with open_installation(settings) as opened:
        waiver = made(0) if dry_run else rulings.give(made, opened)
    if json:
        say_json({**fields_of(waiver), "dry_run": dry_run})
        return
    changed = "would be waived" if dry_run else "is waived"
    say(f"{waiver.place}: {code} ({title}) {changed} until {last}")
    if not dry_run:
        say("  it holds for drops that are judged from now on: drop again what was sent back")
        say(f'  it ends with: muniment waiver end {waiver.number} --because "…" --by "…"')


def _title_of(code: str) -> str:
    from preservation.errors import ConfigurationError
    from preservation.model.issues import IssueCode
    from preservation.model.rulings import may_be_waived
    from preservation.receipt.titles import is_code, title_of

    if not is_code(code):
        raise ConfigurationError(f"{code}: there is no such finding; docs/issues.md lists them")
    title = title_of(IssueCode(code))
    if not may_be_waived(code):
        raise ConfigurationError(f"{code} ({title}) is nothing that a policy demands: nobody waives it")
    return title


def _scope_of(
    place: str, path: str, settings: Settings
) -> tuple[CollectionName, ObjectName | None, RelativePath | None]:
    """Return the collection, and the object and the file in it where they are named."""
    from preservation.errors import ConfigurationError, NotFoundError
    from preservation.model.identifiers import collection_name, object_id_named
    from preservation.model.paths import relative_path

    try:
        file = relative_path(path) if path else None
        named = object_id_named(place) if "/" in place else None
        collection = collection_name(place) if named is None else named.collection
    except ValueError as error:
        raise ConfigurationError(str(error)) from error
    if refusal := settings.refusal_of(collection):
        raise NotFoundError(refusal)
    return collection, None if named is None else named.name, file


def _last_day(until: datetime | None, at: datetime, *, is_of_one: bool) -> date:
    from preservation.errors import ConfigurationError

    if until is None and not is_of_one:
        raise ConfigurationError("a waiver for more than one object ends some day; give it with --until")
    last = (at + timedelta(days=_DAYS)).date() if until is None else until.date()
    if last < at.date():
        raise ConfigurationError(f"{last} is over: the waiver would never hold")
    return last


@VERBS.command(name="list")
def list_rulings(json: JsonOption = False, installation: InstallationOption = None) -> None:
    """List what is waived, and the formats that were set by hand, with who decided, and why.

    Exit codes: 0, 4 the file that has them is damaged.

    Example: muniment waiver list
    """
    from flows.installation.settings_file import load_settings
    from flows.installation.wiring import now
    from flows.submission.rulings import rulings_of
    from preservation.model.paths import printable
    from preservation.model.rulings import Waiver

    today, rulings = now().date(), rulings_of(load_settings(installation))
    if not rulings and not json:
        say("nothing is waived, and no format is set by hand")
    for one in rulings:
        if json:
            say_json(fields_of(one))
            continue
        over = ", which is over" if isinstance(one, Waiver) and one.until < today else ""
        say(f"{one.sentence}{over}")
        say(f"  by {printable(one.by)} on {one.at:%Y-%m-%d}: {printable(one.because)}")


@VERBS.command()
def end(
    number: Annotated[int, typer.Argument(metavar="NUMBER", help="As muniment waiver list names it.")],
    because: BecauseOption,
    by: ByOption,
    json: JsonOption = False,
    installation: InstallationOption = None,
) -> None:
    """End a waiver, or a format that was set by hand.

    Drops that are judged from now on are judged without it; what was kept stays kept. The journal records it.

    Exit codes: 0 it ended, 6 there is none of that number, or it could not be recorded.

    Example: muniment waiver end 3 --because "the scanner is mended" --by "A. Turner"
    """
    from flows.installation.settings_file import load_settings
    from flows.installation.wiring import open_installation
    from flows.submission.rulings import end_ruling

    with open_installation(load_settings(installation)) as opened:
        ended = end_ruling(number, opened, by=by, because=because)
    if json:
        say_json(fields_of(ended))
    else:
        say(f"ended  {ended.sentence}")


def fields_of(ruling: Ruling) -> dict[str, Any]:
    """Return what ``--json`` has of a ruling."""
    import msgspec

    kind = msgspec.json.decode(msgspec.json.encode(ruling))["type"]
    fields = msgspec.structs.asdict(ruling)
    del fields["ended"]
    return {"ruling": kind, **fields}
