"""A person's answer to what a taken drop waits for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from flows.drops import Drop
from flows.settings import Settings
from flows.watching.alone import alone_with_backlog
from flows.watching.backlog import Backlog
from flows.watching.takes import Take
from flows.watching.tries import note_run, put_back_tries, tries_of
from flows.wiring import now
from preservation.errors import NotFoundError
from preservation.model.identifiers import ObjectId
from preservation.model.verdicts import Verdict
from storage.ports.catalogue import Catalogue


def waiting_take(object_id: ObjectId, settings: Settings) -> Take:
    """Return the oldest take of the object that waits for a person. Raises ``NotFoundError``."""
    for one in Backlog(settings.areas).pending():
        waits = one.tries is not None and one.tries.verdict is Verdict.WAITING
        if waits and one.take.object_id == object_id:
            return one.take
    raise NotFoundError(
        f"{object_id}: nothing of that name waits for a person; muniment status shows what does"
    )


def overtaken(take: Take, catalogue: Catalogue) -> str:
    """Say which version was stored after the take was made, and would not be the latest; else ``""``.

    Raises ``StorageError`` where the database does not answer.
    """
    latest = catalogue.latest(take.object_id)
    if latest is None or latest.registered_at <= take.at:
        return ""
    return (
        f"{latest.package} was stored at {latest.registered_at:%Y-%m-%d %H:%M} UTC, after this drop was "
        f"taken ({take.at:%Y-%m-%d %H:%M} UTC): approved, what was dropped earlier becomes the latest version"
    )


def approved(
    take: Take, settings: Settings, *, by: str, because: str, ask: Callable[[Sequence[Drop]], Any]
) -> None:
    """Have the take preserved as approved.

    Raises ``NotFoundError`` where somebody else has just done so, and what ``ask`` raises; then it waits as
    before.
    """
    with alone_with_backlog(settings):
        before = tries_of(take)
        waits = before is not None and before.verdict is Verdict.WAITING
        if not waits or not note_run(take, now(), before):
            raise NotFoundError(
                f"{take.object_id}: it does not wait any more; muniment status shows how it is"
            )
        try:
            ask([replace(take.as_drop, approved_by=by, because=because)])
        except BaseException:
            put_back_tries(take, before)
            raise
