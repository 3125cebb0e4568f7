"""How far a run is with all of its drops: in percent, and in words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from statistics import fmean
from typing import Final

from flows.progressing.way import SHARES, way_of
from flows.progressing.wording import in_words
from flows.workspace import Workspace
from preservation.model.verdicts import Verdict

_FOR_NOW: Final = frozenset({Verdict.INTERRUPTED, Verdict.WAITING})


@dataclass(frozen=True, slots=True)
class Shown:
    """What is to be seen: from 0 to 100, and in words."""

    percent: float
    words: str


def seen(label: str, workspaces: Sequence[Workspace], moment: datetime) -> Shown:
    """Look how far the run called ``label`` is with its drops, each of which counts the same."""
    ways = [None if _has_ended(workspace) else way_of(workspace) for workspace in workspaces]
    under_way = [way for way in ways if way is not None]
    percent = fmean(100.0 if way is None else way.percent for way in ways) if ways else 100.0
    if not under_way:
        return Shown(percent, f"{label}: it is answered")
    # A run takes all of its drops through one stage, then all through the next.
    behind = min(under_way, key=lambda way: list(SHARES).index(way.stage) if way.stage else len(SHARES))
    of_them = [label, behind.stage or "answer"]
    if len(ways) > 1:
        of_them.append(f"{sum(way is None or way.last != behind.last for way in ways)} of {len(ways)} drops")
    told = next((way.progress for way in under_way if way.progress is not None), None)
    if told is not None:
        of_them.append(in_words(told, moment))
    return Shown(percent, ": ".join(of_them))


def _has_ended(workspace: Workspace) -> bool:
    """Say whether it ended for good. What was answered has no folder any more."""
    if not workspace.claim.exist:
        return True
    return any(ending.verdict not in _FOR_NOW for ending in workspace.ending.so_far)
