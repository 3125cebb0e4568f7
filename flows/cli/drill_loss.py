"""``muniment drill --lose STORE --really``: the loss of a store of copies, in fact."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from flows.cli.output import note, say, say_json

if TYPE_CHECKING:
    from flows.archive.drills.loss_record import LossRecord
    from flows.installation.settings import Settings


def lose_really(store: str, by: str | None, settings: Settings, *, json: bool, dry_run: bool) -> None:
    """Lose the store, fill it again and say what came of it; raise ``typer.Exit`` where that is not all."""
    from flows.archive.drills.loss_record import losses_folder
    from flows.archive.drills.progress import LossProgress
    from flows.archive.drills.record import DrillVerdict
    from flows.archive.drills.rehearsal import RehearsedLoss, rehearse_loss
    from flows.archive.progress_line import shown
    from preservation.errors import ConfigurationError
    from preservation.model.identifiers import StoreName

    if not (by or dry_run):
        raise ConfigurationError(
            '--really strikes replicas from the catalogue: say who does, as in --by "A. Turner"'
        )
    progress = LossProgress()
    with shown(progress.line, note):
        record = rehearse_loss(settings, RehearsedLoss(StoreName(store), by or "", dry_run), progress)
    if record is None:
        _say_dry_run(store, settings, json=json)
        return
    certificate = losses_folder(settings) / f"{record.stem}.html"
    if json:
        say_json({**_fields(record), "certificate": certificate, "dry_run": False})
    else:
        _say(record)
        say(f"  certificate  {certificate}")
    codes = {DrillVerdict.RESTORED: 0, DrillVerdict.DAMAGED: 4}
    raise typer.Exit(codes.get(record.verdict, 6))


def _say_dry_run(store: str, settings: Settings, *, json: bool) -> None:
    from flows.archive.drills.loss import store_loss
    from preservation.model.identifiers import StoreName

    loss = store_loss(settings, StoreName(store))
    if json:
        say_json({**loss.fields, "dry_run": True})
        return
    for sentence in loss.sentences:
        say(sentence)
    say(
        f"Store {store} is there to be lost. All of that would be read in another store before it is emptied."
    )


def _fields(record: LossRecord) -> dict[str, object]:
    return {
        "rehearsal": record.id,
        "store": record.store,
        "verdict": record.verdict,
        "began": record.began,
        "ended": record.ended,
        "versions": record.versions,
        "steps": record.steps,
        "differing": record.differing,
        "named": record.named,
        "unfilled": record.unfilled,
        "reasons": record.reasons,
        "estimates": record.estimates,
    }


def _say(record: LossRecord) -> None:
    from flows.archive.drills.certificate import WORDS
    from flows.archive.pages.rendering import duration
    from preservation.model.amounts import byte_size, count
    from preservation.model.paths import printable

    say(f"{WORDS[record.verdict].upper()}  store {record.store}")
    say(f"  {printable(record.sentence)}")
    for step in record.steps:
        amount = f" ({count(step.files, 'file')}, {byte_size(step.bytes)})" if step.files else ""
        say(f"  {step.what}: {duration(step.seconds)}{amount}")
    for one in record.estimates:
        say(
            f"  at that rate, store {one.store} ({byte_size(one.bytes)}) is filled in {duration(one.seconds)}"
        )
