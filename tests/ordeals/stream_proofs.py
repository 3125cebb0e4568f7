"""Every drop of a stream is accounted for exactly once: in a folder with its receipt, and in every store."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

from ordeals.crash_drops import Content, content_of
from ordeals.crash_proofs import prove_kept, prove_story, prove_tidy
from ordeals.stream import Sent
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterState, FlowRunFilterStateType
from prefect.client.schemas.objects import FlowRun, StateType
from prefect.client.schemas.sorting import FlowRunSort
from prefect.settings import PREFECT_API_URL, temporary_settings
from support.archives import Archive

from flows.installation.settings_file import load_settings
from flows.installation.wiring import now

_RECEIPTS = (".receipt.html", ".receipt.json")
_KEPT, _SENT_BACK = ".kept.json", ".reject-list.csv"
_ENDINGS = (*_RECEIPTS, _KEPT, _SENT_BACK)
_NOT_ENDED = [
    StateType.SCHEDULED,
    StateType.PENDING,
    StateType.RUNNING,
    StateType.CANCELLING,
    StateType.PAUSED,
]


def versions_of(sent: Sequence[Sent]) -> dict[str, list[Content]]:
    """What is to be kept: of each object the content of its versions, in the order in which they came."""
    versions: dict[str, list[Content]] = {}
    for one in sent:
        if one.fit:
            known = versions.setdefault(one.object, [])
            if one.digests not in known:
                known.append(one.digests)
    return versions


def answered(archive: Archive) -> list[Path]:
    """The drops that lie in ``accepted/`` and ``rejected/``."""
    return [
        drop
        for place in ("accepted", "rejected")
        for drop in (archive.directory / place).glob("*/*")
        if not drop.name.endswith(_ENDINGS)
    ]


def on_their_way(archive: Archive) -> list[Path]:
    """What lies in inboxes and in takes."""
    inboxes = (archive.directory / "inbox").glob("*/*")
    return [*inboxes, *(archive.directory / "processing" / ".taken").glob("*")]


def runs_not_ended(api_url: str, archive: Archive) -> list[FlowRun]:
    """The archive's flow runs that Prefect takes to go on, or to be about to; not those due another day."""
    state = FlowRunFilterState(type=FlowRunFilterStateType(any_=_NOT_ENDED))
    with temporary_settings({PREFECT_API_URL: api_url}), get_client(sync_client=True) as client:
        found = client.read_flow_runs(
            flow_run_filter=FlowRunFilter(state=state), sort=FlowRunSort.EXPECTED_START_TIME_ASC, limit=200
        )
    soon = now() + timedelta(minutes=30)
    ours = [run for run in found if run.parameters.get("directory") == str(archive.directory)]
    return [run for run in ours if not (run.next_scheduled_start_time or soon) > soon]


def prove_accounted_for(sent: Sequence[Sent], archive: Archive, scratch: Path) -> None:
    """Prove all that must hold when everything is over."""
    prove_answered(sent, archive)
    stores = [archive.store("first"), archive.store("second")]
    versions = versions_of(sent)
    prove_kept(stores, versions, archive, scratch)
    prove_story(versions, [one.object for one in sent if not one.fit], archive)
    prove_tidy(archive)
    assert not list((load_settings(archive.directory).processing / ".turns").glob("*"))


def prove_answered(sent: Sequence[Sent], archive: Archive) -> None:
    """Each drop is in its place once, unchanged, with one receipt that tells the same; nothing else is."""
    assert on_their_way(archive) == []
    assert not list((archive.directory / "quarantine").glob("*/*"))
    expected = Counter(("accepted" if one.fit else "rejected", one.object, one.content) for one in sent)
    drops = answered(archive)
    found = Counter(_found(drop, archive, {one.object for one in sent}) for drop in drops)
    assert found == expected
    beside = {
        path
        for place in ("accepted", "rejected")
        for path in (archive.directory / place).glob("*/*")
        if path.name.endswith(_ENDINGS)
    }
    wanted = set[Path]()
    for drop in drops:
        kept = drop.relative_to(archive.directory).parts[0] == "accepted"
        endings = (*_RECEIPTS, _KEPT if kept else _SENT_BACK)
        wanted |= {drop.with_name(f"{drop.name}{ending}") for ending in endings}
        told = _told(drop)
        assert told["verdict"] in ({"stored", "already-kept"} if kept else {"rejected"}), told
    assert beside == wanted


def _found(drop: Path, archive: Archive, objects: set[str]) -> tuple[str, str, tuple[tuple[str, str], ...]]:
    place, collection, name = drop.relative_to(archive.directory).parts
    told = _told(drop)
    assert told["object"] in objects
    assert told["object"] == f"{collection}/{name.partition(' (')[0]}"
    if drop.is_dir():
        return place, told["object"], tuple(sorted(content_of(drop).items()))
    held = content_of(drop.parent)[drop.name]
    return place, told["object"], ((told["object"].partition("/")[2], held),)


def _told(drop: Path) -> dict[str, Any]:
    told: dict[str, Any] = json.loads(drop.with_name(f"{drop.name}.receipt.json").read_text())
    return told
