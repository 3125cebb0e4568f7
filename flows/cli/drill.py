"""``muniment drill``: try restores, and show what the loss of a store would mean."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from flows.cli.drill_loss import lose_really
from flows.cli.options import InstallationOption, JsonOption
from flows.cli.output import note, say, say_json

if TYPE_CHECKING:
    from flows.archive.drills.drill import DrillRequest
    from flows.archive.drills.loss import StoreLoss
    from flows.archive.drills.record import DrillRecord
    from flows.installation.settings import Settings

_INTEGRITY = 4
_STORAGE = 6
_CONTENT = 3


def drill(  # noqa: PLR0913, PLR0917  the options of the verb
    store: Annotated[
        str | None, typer.Option(metavar="NAME", help="Only from this store; else from each that has it.")
    ] = None,
    name: Annotated[
        str | None,
        typer.Option("--object", metavar="COLLECTION/OBJECT", help="This object; else some at random."),
    ] = None,
    number: Annotated[
        int, typer.Option("--count", min=1, max=1000, metavar="N", help="How many versions.")
    ] = 3,
    seed: Annotated[
        int | None, typer.Option(min=0, metavar="N", help="Draw as an earlier drill did, by its seed.")
    ] = None,
    lose: Annotated[
        str | None,
        typer.Option(metavar="STORE", help="On paper: what the loss of this store would mean."),
    ] = None,
    really: Annotated[
        bool, typer.Option("--really", help="With --lose: lose a rehearsal store in fact, and fill it again.")
    ] = False,
    by: Annotated[
        str | None, typer.Option("--by", metavar="NAME", help="With --really: who declares it lost.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would be drilled.")] = False,
    json: JsonOption = False,
    installation: InstallationOption = None,
) -> None:
    """Restore some versions from each store alone, compare every byte, open images and PDFs, and remove them.

    Versions are drawn at random; what was not read for long, is large, has a rare format or lies in a store
    that was not drilled lately is likelier; every fifth is the largest, those not drilled yet first. Each
    has a record and a certificate to print in reports/drills/, and an event in the journal for each store.
    Nothing that is kept is changed. What is found damaged is recorded, and an alarm.

    --lose STORE reads the catalogue alone: which objects would be gone, which policies unmet, how much would
    have to be copied, and about how long that takes. With --really, and only for a store that has
    rehearsal = true in its [[store]], it is done: every version is read in another store first, the store is
    declared lost, emptied, filled again, and compared byte for byte with before. A certificate has the times.

    Exit codes: 0 all restored, 3 restored and some file does not open, 4 a replica is damaged, 6 a store is
    away, or there is no such object. With --lose: 0, or 4 where a version would be gone; with --really: 0 all
    is as before, 4 a version is nowhere else as it was kept (nothing was emptied), or a file is not as
    before, 6 not all was filled, 2 the store is not there to be lost.

    Example: muniment drill --count 5 --seed 7 --dry-run
    """
    from flows.archive.drills.drill import DrillRequest
    from flows.installation.settings_file import load_settings
    from preservation.errors import ConfigurationError
    from preservation.model.identifiers import StoreName, object_id_named

    settings = load_settings(installation)
    if lose is None and (really or by):
        raise ConfigurationError("--really and --by belong to --lose STORE; name the store")
    if lose is not None:
        if store or name or seed is not None or (dry_run and not really):
            raise ConfigurationError(
                "--lose is of a whole store: it takes no other option than --json, --really and --by"
            )
        if really:
            lose_really(lose, by, settings, json=json, dry_run=dry_run)
            return
        _lose(lose, settings, json=json)
        return
    request = DrillRequest(
        number,
        None if store is None else StoreName(store),
        None if name is None else object_id_named(name),
        seed,
    )
    if dry_run:
        _say_plan(request, settings, json=json)
    else:
        _drill(request, settings, json=json)


def _say_plan(request: DrillRequest, settings: Settings, *, json: bool) -> None:
    from flows.archive.drills.certificate import chosen_sentence
    from flows.archive.drills.drill import plan_drills
    from preservation.model.paths import printable

    planned = plan_drills(settings, request)
    for one, stores in planned:
        if json:
            fields = {"package": str(one.package), "stores": stores, "choice": one.choice, "dry_run": True}
            say_json(fields)
        else:
            say(f"would drill {printable(str(one.package))} from {' and '.join(stores)}")
            say(f"  {chosen_sentence(one.choice)}")
    if not planned and not json:
        say("Nothing is kept that could be drilled.")


def _drill(request: DrillRequest, settings: Settings, *, json: bool) -> None:
    from flows.archive.drills.drill import drill_installation
    from flows.archive.drills.progress import terminal_progress
    from flows.archive.drills.record import DrillVerdict, drills_folder

    codes = {
        DrillVerdict.RESTORED: 0,
        DrillVerdict.NOT_RENDERED: _CONTENT,
        DrillVerdict.DAMAGED: _INTEGRITY,
        DrillVerdict.NOT_RESTORED: _STORAGE,
    }
    found = set()
    for record in drill_installation(settings, request, progress=terminal_progress(note)):
        found |= {one.verdict for one in record.replicas}
        certificate = drills_folder(settings) / f"{record.stem}.html"
        if json:
            say_json({**_fields(record), "certificate": certificate, "dry_run": False})
        else:
            _say(record)
            say(f"  certificate  {certificate}")
    if not found and not json:
        say("Nothing is kept that could be drilled.")
    for gravest in (
        DrillVerdict.DAMAGED,
        DrillVerdict.NOT_RESTORED,
        DrillVerdict.NOT_RENDERED,
    ):
        if gravest in found:
            raise typer.Exit(codes[gravest])


def _fields(record: DrillRecord) -> dict[str, object]:
    return {
        "drill": record.id,
        "package": record.package,
        "verdict": record.verdict,
        "began": record.began,
        "ended": record.ended,
        "choice": record.choice,
        "replicas": record.replicas,
        "estimates": record.estimates,
    }


def _say(record: DrillRecord) -> None:
    from flows.archive.drills.certificate import WORDS, chosen_sentence
    from flows.archive.pages.rendering import duration
    from preservation.model.amounts import byte_size
    from preservation.model.paths import printable

    say(f"{WORDS[record.verdict].upper()}  {printable(record.package)}")
    for one in record.replicas:
        say(f"  {one.store}: {WORDS[one.verdict]}: {printable(one.sentence)}")
        if one.files:
            rate = f", {byte_size(int(one.bytes / one.seconds))} a second" if one.seconds else ""
            say(f"      in {duration(one.seconds)}{rate}")
    say(f"  {chosen_sentence(record.choice)}")
    for store in record.estimates:
        between = f", {duration(store.least)} to {duration(store.most)}" if store.drills > 1 else ""
        whole = f"all of store {store.store} ({byte_size(store.bytes)})"
        say(f"  {whole} would take about {duration(store.seconds)}{between}")


def _lose(store: str, settings: Settings, *, json: bool) -> None:
    from flows.archive.drills.loss import store_loss
    from preservation.model.identifiers import StoreName

    loss = store_loss(settings, StoreName(store))
    if json:
        say_json(loss.fields)
    else:
        _say_loss(loss)
    if loss.gone.versions:
        raise typer.Exit(_INTEGRITY)


def _say_loss(loss: StoreLoss) -> None:
    for sentence in loss.sentences:
        say(sentence)
