"""What ``[schedules]`` in ``muniment.toml`` says."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict

from flows.scheduling.times import require_cron, require_timezone


def _cron_or_never(text: str) -> str:
    return require_cron(text) if text.strip() else ""


_Cron = Annotated[str, AfterValidator(_cron_or_never)]
_Timezone = Annotated[str, AfterValidator(require_timezone)]


class ScheduleSettings(BaseModel):
    """When jobs run by themselves: cron texts, read in ``timezone``; an empty one means never.

    ``clear`` removes from the accepted drops what is due; ``verify_journal`` checks the journal.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    clear: _Cron = "30 2 * * *"
    verify_journal: _Cron = "30 4 * * *"
    timezone: _Timezone = "UTC"
