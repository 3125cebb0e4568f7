"""``muniment status``: the status of the archive, or the history of one object."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from flows.cli import status_view
from flows.cli.options import InstallationOption, JsonOption
from flows.cli.output import replica_fields, say, say_json
from flows.cli.status_view import below, moment, show_entry
from preservation.model.amounts import byte_size, count
from preservation.model.paths import printable

if TYPE_CHECKING:
    from datetime import datetime, timedelta
    from pathlib import Path

    from flows.archive.history import VersionHistory
    from flows.inboxes.queue.backlog import Pending
    from flows.installation.wiring import Installation
    from flows.service.status import ArchiveStatus, SubmissionUnderWay
    from flows.submission.progress.progress import StageProgress
    from storage.ports.catalogue import Conclusion
    from storage.ports.journal import Entry

_NAMED = 5
_JOURNAL_LINES = 30


def status(
    name: Annotated[
        str | None, typer.Argument(metavar="[COLLECTION[/OBJECT]]", help="Only this object, or collection.")
    ] = None,
    watch: Annotated[bool, typer.Option("--watch", help="In a terminal, update it until Ctrl-C.")] = False,
    json: JsonOption = False,
    installation: InstallationOption = None,
) -> None:
    """Show the status of the archive: what waits in the inboxes, what is on its way, what is kept.

    With a collection, show what is kept of it. With an object, show its history: each version and what was
    new in it, where its replicas are, every try with its verdict and receipt, and its last entries in the
    journal. Times are in UTC.

    Example: muniment status maps/sheet-012
    """
    from flows.installation.settings_file import load_settings
    from flows.installation.wiring import open_installation
    from flows.service.status import archive_status

    with open_installation(load_settings(installation)) as opened:
        if name is not None and "/" in name:
            _say_object(name, opened, json=json)
            return
        if name is not None:
            _say_collection(name, opened, json=json)
            return
        if watch and not json and sys.stdout.isatty():
            with suppress(KeyboardInterrupt):
                status_view.watch(lambda: archive_status(opened))
            return
        found = archive_status(opened)
    if json:
        say_json(_status_fields(found))
    else:
        status_view.show(status_view.lines_of(found, status_view.columns_of_terminal()))


def _say_object(name: str, installation: Installation, *, json: bool) -> None:
    from flows.archive.history import versions_of
    from preservation.errors import NotFoundError
    from preservation.model.identifiers import object_id_named

    object_id = object_id_named(name)
    tries = installation.catalogue.history(object_id).conclusions
    versions = list(versions_of(installation.catalogue, installation.journal, object_id))
    if not tries and not versions:
        raise NotFoundError(f"{object_id}: nothing is known of it; check the name, or preserve it first")
    if json:
        say_json(
            {
                "object": str(object_id),
                "versions": [_version_fields(version) for version in versions],
                "tries": [_try_fields(end) for end in tries],
            }
        )
        return
    directory = installation.settings.directory
    _say_versions(printable(str(object_id)), versions, directory)
    say("\nTries")
    for end in tries:
        show_entry(f"{moment(end.concluded_at)}  {end.verdict.value}", printable(end.summary))
        if end.receipt is not None:
            show_entry(f"    receipt  {below(directory, printable(str(end.receipt)))}")
    say("\nIts last entries in the journal (muniment journal show has all)")
    for entry in installation.journal.about(str(object_id), _JOURNAL_LINES):
        _say_entry(entry)


def _say_collection(name: str, installation: Installation, *, json: bool) -> None:
    from itertools import islice

    from preservation.errors import ConfigurationError, NotFoundError
    from preservation.model.identifiers import collection_name

    try:
        collection = collection_name(name)
    except ValueError as error:
        raise ConfigurationError(f"{error}; an object is written as collection/name") from error
    settings = installation.settings
    counts = installation.catalogue.counts(collection)
    if not counts.packages and collection not in {one.name for one in settings.collection}:
        raise NotFoundError(f"{collection}: there is no such collection, and nothing is kept of one")
    newest = islice(installation.catalogue.packages(collection, newest_first=True), _NAMED)
    packages = [(str(kept.package), kept.registered_at) for kept in newest]
    if json:
        fields = {"collection": collection, "objects": counts.objects, "versions": counts.packages}
        ended = {verdict.value: number for verdict, number in counts.conclusions.items()}
        say_json({**fields, "files": counts.files, "bytes": counts.bytes, "conclusions": ended})
        return
    say(f"{collection}: a collection")
    with suppress(ConfigurationError):
        # What is kept of a collection stays when it is taken out of the settings.
        show_entry(f"policy: {below(settings.directory, str(settings.policy_of(collection)))}")
    show_entry(
        f"kept: {count(counts.objects, 'object')} in {count(counts.packages, 'version')}, "
        f"{count(counts.files, 'file')}, {byte_size(counts.bytes)}"
    )
    for package, at in packages:
        show_entry(f"    {printable(package)}  {moment(at)}")
    show_entry(f"all of it: muniment list --collection {collection}")


def _say_versions(name: str, versions: Sequence[VersionHistory], directory: Path) -> None:
    say(f"{name}: {count(len(versions), 'version')} kept")
    for version in versions:
        kept = version.registration
        say(f"\n  v{kept.package.version}  {moment(kept.registered_at)}, policy {kept.policy.name}")
        say(
            f"      {count(kept.files, 'file')} kept, {byte_size(kept.bytes)}; "
            f"{version.new_files:,} new in the package, {byte_size(version.new_bytes)}"
            + (f"; {version.kept_files:,} lie in earlier versions" if version.kept_files else "")
        )
        if kept.package.version > 1:
            for word in ("added", "changed", "removed"):
                _say_named(word, getattr(version, word))
            _say_named("renamed", [f"{old} → {new}" for old, new in version.renamed])
        for replica in kept.replicas:
            say(f"      replica {replica.store}: read {moment(replica.verified_at)}")
            say(f"        {below(directory, printable(replica.location))}")


def _say_named(word: str, paths: Sequence[str]) -> None:
    if paths:
        more = f" and {len(paths) - _NAMED:,} more" if len(paths) > _NAMED else ""
        say(f"      {word}: {', '.join(map(printable, paths[:_NAMED]))}{more}")


def _say_entry(entry: Entry) -> None:
    outcome = "" if entry.outcome == "success" else f"{entry.outcome.upper()}: "
    # What was done says to what: to which store, by which manifest; the note, what came of it.
    by = f"by {entry.agent_name}" if entry.agent_kind == "person" else ""
    sentences = "; ".join(filter(None, (entry.detail, entry.note, by)))
    show_entry(f"{moment(entry.at)}  {entry.event_type}: {printable(outcome + sentences)}")


def _status_fields(found: ArchiveStatus) -> dict[str, object]:
    counts = found.counts
    return {
        "objects": counts.objects,
        "versions": counts.packages,
        "files": counts.files,
        "bytes": counts.bytes,
        "conclusions": {verdict.value: number for verdict, number in counts.conclusions.items()},
        "inboxes": _inboxes_fields(found),
        "taken": [_taken_fields(one) for one in found.taken],
        "holds": [
            {
                "place": hold.place.name,
                "inbox": hold.place.inbox,
                "because": hold.because,
                "by": hold.by,
                "at": hold.at,
                "code": hold.code,
                "objects": hold.objects,
            }
            for hold in found.holds
        ],
        "troubles": list(found.troubles),
        "open_alarms": len(found.open_alarms),
        "not_as_kept": found.damage.files if found.damage else 0,
        "stores": [
            {
                "store": store.store,
                "away": store.away,
                "lacking": store.lacking,
                "looked_for": store.looked_for,
                "gone": [str(gone.package) for gone in store.gone],
            }
            for store in found.stores
        ],
        "processing": [_way_fields(one, found.at) for one in found.on_its_way],
        "latest": [{"object": str(end.submission.object), **_try_fields(end)} for end in found.latest],
    }


def _inboxes_fields(found: ArchiveStatus) -> dict[str, object] | None:
    inboxes = found.inboxes
    if inboxes is None:
        return None
    fields = msgspec.structs.asdict(inboxes)
    del fields["by"]
    return {"watched": found.is_watched, **fields}


def _taken_fields(one: Pending) -> dict[str, object]:
    tries = one.attempts
    return {
        "object": str(one.take.object_id),
        "drop": one.take.path,
        "taken_at": one.take.at,
        "files": one.take.files,
        "bytes": one.take.bytes,
        "runs": tries.runs if tries else 0,
        "verdict": tries.verdict if tries else None,
        "sentence": tries.sentence if tries else "",
    }


def _way_fields(one: SubmissionUnderWay, at: datetime) -> dict[str, object]:
    way = one.position
    return {
        "object": one.object,
        "stage": way.last,
        "touched": one.touched,
        "in_hand": one.in_hand,
        "elsewhere": one.elsewhere,
        "in_stage": way.stage,
        "percent": round(way.percent, 1),
        "seconds_left": _seconds(way.left(at) if one.runs else None),
        "progress": _progress_fields(way.progress, at, runs=one.runs) if way.progress else None,
    }


def _progress_fields(progress: StageProgress, at: datetime, *, runs: bool) -> dict[str, object]:
    rate = progress.rate(at) if runs else None
    return {
        "began": progress.began,
        "at": progress.at,
        "percent": _rounded(progress.percent),
        "files": progress.done.files,
        "bytes": progress.done.bytes,
        "of_files": progress.of.files if progress.of else None,
        "of_bytes": progress.of.bytes if progress.of else None,
        "files_per_second": _rounded(rate.files) if rate else None,
        "bytes_per_second": round(rate.bytes) if rate else None,
        "seconds_left": _seconds(progress.left(at) if runs else None),
        "works": [{"work": lane.name, "percent": _rounded(lane.percent)} for lane in progress.lanes],
    }


def _rounded(figure: float | None) -> float | None:
    return None if figure is None else round(figure, 1)


def _seconds(left: timedelta | None) -> int | None:
    return None if left is None else round(left.total_seconds())


def _version_fields(version: VersionHistory) -> dict[str, object]:
    kept = version.registration
    return {
        "object_version": kept.package.version,
        "submission": kept.submission,
        "registered_at": kept.registered_at,
        "policy": kept.policy,
        "files": kept.files,
        "bytes": kept.bytes,
        "new_files": version.new_files,
        "new_bytes": version.new_bytes,
        "kept_files": version.kept_files,
        "added": version.added,
        "changed": version.changed,
        "removed": version.removed,
        "renamed": version.renamed,
        "replicas": replica_fields(kept.replicas),
    }


def _try_fields(end: Conclusion) -> dict[str, object]:
    return {
        "submission": end.submission.identifier,
        "drop": end.submission.drop,
        "received_at": end.submission.received_at,
        "verdict": end.verdict.value,
        "concluded_at": end.concluded_at,
        "sentence": end.summary,
        "receipt": end.receipt,
    }
