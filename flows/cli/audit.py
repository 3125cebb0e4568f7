"""``muniment audit``: read again what is kept, and compare it with what was kept."""

from __future__ import annotations

import gc
from typing import TYPE_CHECKING, Annotated

import typer

from flows.cli.options import InstallationOption, JsonOption
from flows.cli.output import GRAVEST_FIRST, note, say, say_json

if TYPE_CHECKING:
    from collections.abc import Iterable

    from flows.archive.audit import AuditOutcome
    from flows.archive.audit_plan import Share
    from flows.archive.audit_provider import ProviderResult
    from flows.archive.audit_request import AuditRequest
    from storage.audits.work import AuditResult

_DAMAGED = 4
_NOT_READ = 6


def audit(  # noqa: PLR0913, PLR0917  the options of the verb
    object_id: Annotated[
        str | None, typer.Option("--object", metavar="OBJECT", help="Only this object: collection/name.")
    ] = None,
    collection: Annotated[str | None, typer.Option(metavar="NAME", help="Only this collection.")] = None,
    store: Annotated[str | None, typer.Option(metavar="NAME", help="Only this store.")] = None,
    everything: Annotated[bool, typer.Option("--all", help="Whatever was read when.")] = False,
    sample: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="Only N files of each store, drawn from all.")
    ] = None,
    confidence: Annotated[
        str | None, typer.Option(metavar="PERCENT", help="With --damage: draw as many files as that takes.")
    ] = None,
    damage: Annotated[
        str | None, typer.Option(metavar="PERCENT", help="The share of damaged files to be met.")
    ] = None,
    seed: Annotated[int | None, typer.Option(min=0, metavar="N", help="Draw that sample again.")] = None,
    before: Annotated[
        str | None, typer.Option(metavar="DATE", help="What was last read before that, as --all began then.")
    ] = None,
    budget: Annotated[str | None, typer.Option(metavar="SIZE", help='Read at most that: "500 GB".')] = None,
    money: Annotated[
        float | None, typer.Option(min=0, metavar="AMOUNT", help="Spend at most that, by the stores' prices.")
    ] = None,
    provider: Annotated[
        bool, typer.Option("--provider", help="Compare what providers state; read only what differs.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would be read.")] = False,
    json: JsonOption = False,
    installation: InstallationOption = None,
) -> None:
    """Read replicas from where they rest, every byte, and compare them with what was kept.

    Without an option: what the policies want read by now, and the share of the day, the longest unread first.
    What another audit reads already is left to it. Damage is recorded, raises an alarm, and is shown by
    muniment damage; nothing is changed in a store.

    Exit codes: 0 what was read is as it was kept, 4 something is not, 6 a store is away, or lists are lost.

    Example: muniment audit --confidence 99% --damage 0.01%
    """
    # What is imported stays: to search it for cycles meanwhile takes a tenth of the start.
    gc.disable()
    from flows.archive.audit import audit_installation, audit_plan
    from flows.archive.audit_progress import AuditProgress
    from flows.archive.audit_request import requested
    from flows.installation.settings_file import load_settings

    gc.enable()
    request = requested(
        object_name=object_id or "",
        collection=collection or "",
        store=store or "",
        everything=everything,
        sample=sample,
        confidence=confidence or "",
        damage=damage or "",
        seed=seed,
        budget=budget or "",
        before=before or "",
        money=money,
        provider=provider,
    )
    settings = load_settings(installation)
    shares = audit_plan(settings, request)
    if dry_run:
        _say_plan(request, shares, json=json)
        return
    progress = AuditProgress.of(request, shares)
    codes = {0}
    with progress.shown(note):
        for one in audit_installation(settings, request, read=progress.read):
            progress.add(one)
            codes.add(_say(one, json=json))
    if not json:
        say(progress.summary())
    raise typer.Exit(next(code for code in GRAVEST_FIRST if code in codes))


def _say_plan(request: AuditRequest, shares: Iterable[Share], *, json: bool) -> None:
    from preservation.model.amounts import byte_size, count

    shares = list(shares)
    for share in shares:
        scope = share.scope
        if json:
            say_json(
                {
                    "store": scope.store,
                    "collection": scope.collection,
                    "files": share.files,
                    "bytes": share.bytes,
                    "of_bytes": share.total.bytes,
                    "overdue_bytes": share.overdue.bytes,
                    "oldest": share.total.oldest,
                    "cost": share.cost,
                    "money_a_day": share.pace.money_a_day,
                    "dry_run": True,
                }
            )
            continue
        if request.provider:
            asked = count(share.total.files, "file")
            say(f"{scope.store}: {scope.collection}: its provider, if any, would be asked about {asked}")
            continue
        size, whole = byte_size(share.bytes), byte_size(share.total.bytes)
        line = f"{scope.store}: {scope.collection}: about {count(share.files, 'file')}, {size} of {whole}"
        if share.cost is not None:
            line += f", which costs {share.cost:,.2f}"
        if share.pace.price and share.pace.money_a_day is not None:
            line += f" (at most {share.pace.money_a_day:,.2f} a day)"
        if share.total.oldest is not None:
            line += f"; the longest unread since {share.total.oldest:%Y-%m-%d}"
        say(line)
    if request.sample is not None and not json:
        say(f"{count(request.sample, 'file')} of each store would be drawn.")
    if not shares and not json:
        say("Nothing is kept there.")


def _say(one: AuditOutcome, *, json: bool) -> int:
    """Say what was seen, and return the exit code that it means."""
    from flows.archive.audit import NotAudited
    from flows.archive.audit_provider import ProviderResult
    from flows.archive.audit_sample import Sample

    if isinstance(one, Sample):
        if json:
            fields = {"store": one.store, "collection": one.collection, "seed": one.seed}
            say_json({**fields, "drawn": one.drawn, "of_files": one.files})
        else:
            say(f"sample  {one.store}: {one.drawn:,} drawn from {one.drawn_from}, seed {one.seed}")
        return 0
    if isinstance(one, ProviderResult):
        _say_stated(one, json=json)
        return 0
    if isinstance(one, NotAudited):
        if json:
            said = {"sentence": one.sentence, "is_fault": one.is_fault}
            say_json({"store": one.store, "package": None, **said})
        else:
            say(f"NOT READ  {one.store}\n  {one.sentence}" if one.is_fault else one.sentence)
        return _NOT_READ if one.is_fault else 0
    if json:
        say_json(_fields(one))
    elif not one.is_sound:
        _say_damage(one)
    if one.unjudged:
        return _NOT_READ
    return 0 if one.is_sound else _DAMAGED


def _say_stated(one: ProviderResult, *, json: bool) -> None:
    if json:
        say_json(
            {
                "store": one.store,
                "collection": one.collection,
                "provider_states": {
                    "replicas": one.replicas,
                    "agreeing": one.agreeing,
                    "silent": one.silent,
                    "differing": one.differing,
                    "sentences": one.sentences,
                },
            }
        )
        return
    say(one.sentence)
    for sentence in one.sentences:
        say(f"  {sentence}")


def _say_damage(one: AuditResult) -> None:
    from preservation.model.paths import printable

    say(f"DAMAGE  {one.replica.store}: {printable(str(one.replica.package))}")
    for sentence in (*(each.sentence for each in one.damages), *one.doubts, one.unjudged):
        if sentence:
            say(f"  {sentence}")
    if one.damaged > len(one.damages):
        say(f"  and {one.damaged - len(one.damages):,} more: muniment damage")


def _fields(one: AuditResult) -> dict[str, object]:
    return {
        "store": one.replica.store,
        "package": str(one.replica.package),
        "confirmed": one.confirmed,
        "bytes": one.bytes,
        "not_as_kept": one.damaged,
        "damage": [{"path": each.path, "kind": each.kind, "sentence": each.sentence} for each in one.damages],
        "read_again": one.again,
        "doubts": list(one.doubts),
        "unjudged": one.unjudged,
    }
