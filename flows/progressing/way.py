"""Where a submission is on its way: the stages behind it, and how far it is in the one that it is in."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import msgspec

from flows.progressing.stage_progress import StageProgress
from flows.workspace import Workspace

SHARES: Final = {
    "survey": 40.0,
    "screen": 10.0,
    "plan": 1.0,
    "normalize": 10.0,
    "package": 3.0,
    "replicate": 34.0,
    "register": 2.0,
}
"""The stages in their order, and what share each has in the whole way, in percent.

No more than a rough measure (docs/performance.md has the times): no time is told by it.
"""

_LAST_LONG: Final = "replicate"
"""After it nothing takes long: when it has ended, all has."""


@dataclass(frozen=True, slots=True)
class Way:
    """How far a submission is: the ``stage`` that it is in, or goes on with, and the ``last`` one done.

    Either is empty where there is none. ``progress`` is what that stage told, where it takes long.
    """

    last: str
    stage: str
    progress: StageProgress | None

    @property
    def percent(self) -> float:
        """How much of the whole way is behind it, roughly, from 0 to 100."""
        if not self.stage:
            return 100.0
        behind = 0.0
        for stage, share in SHARES.items():
            if stage == self.stage:
                inside = self.progress.percent if self.progress else None
                return behind + share * (inside or 0.0) / 100
            behind += share
        return behind

    def left(self, moment: datetime) -> timedelta | None:
        """Return how long the whole way will take yet: only in the last long stage can that be said."""
        return self.progress.left(moment) if self.progress and self.stage == _LAST_LONG else None


def way_of(workspace: Workspace) -> Way:
    """Look how far a submission is; nothing is held up by that."""
    last = ""
    for stage in SHARES:
        if not workspace.events(stage).exist:
            told = _told(workspace)
            return Way(last, stage, told if told is not None and told.stage == stage else None)
        last = stage
    return Way(last, "", None)


def _told(workspace: Workspace) -> StageProgress | None:
    try:
        return msgspec.json.decode(workspace.progress.read_bytes(), type=StageProgress)
    except (OSError, msgspec.MsgspecError):
        return None
