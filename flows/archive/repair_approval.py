"""A person lets damage be repaired: who, why and when, in the database and in the journal."""

import re
from collections.abc import Iterable, Sequence
from uuid import uuid4

from flows.archive.journal_seal import seal
from flows.installation.log import LOG
from flows.installation.settings import Settings
from flows.installation.wiring import now, open_installation
from preservation.errors import ConfigurationError, PreservationError
from preservation.model.events import Agent, AgentKind, Event, EventOutcome, EventType, event_id
from preservation.model.identifiers import SubmissionId
from preservation.model.paths import printable
from storage.ports.audits import RecordedDamage, RepairApproval

_NUMBERS = re.compile(r"([0-9]{1,18})(?:-([0-9]{1,18}))?")
_MOST = 100_000
"""So many damages are approved at a time."""


def parse_numbers(texts: Iterable[str]) -> list[int]:
    """Return the numbers of damages that a person wrote: ``3``, ``5-90``, several parted by commas or spaces.

    Raises ``ConfigurationError`` where one is no number, or there are too many.
    """
    numbers: dict[int, None] = {}
    for word in (word for text in texts for word in re.split(r"[\s,]+", text) if word):
        found = _NUMBERS.fullmatch(word)
        if found is None:
            raise ConfigurationError(
                f"{printable(word)} is no number of a damage; write 3, or 5-90 for all from 5 to 90"
            )
        first, last = int(found[1]), int(found[2] or found[1])
        if last - first + len(numbers) >= _MOST:
            raise ConfigurationError(
                f"at most {_MOST:,} damages are approved at a time; approve them in parts"
            )
        numbers |= dict.fromkeys(range(first, last + 1))
    return list(numbers)


def approve_repairs(
    settings: Settings, numbers: Sequence[int], *, by: str, because: str
) -> tuple[RecordedDamage, ...]:
    """Approve the repair of damages; return those that were open and not approved before.

    Raises ``NotFoundError`` where one of ``numbers`` is no damage, ``ConfigurationError`` where it is not
    given who approves, or why, ``StorageError``. Nothing is approved then.
    """
    if not by.strip() or not because.strip():
        raise ConfigurationError("an approval names who approves, and why; give both")
    with open_installation(settings) as installation:
        approval = RepairApproval(by, because, now())
        chosen = set(numbers)
        known = [one for one in installation.audits.damages() if one.number in chosen and not one.approval]
        events = [_approved(one, approval) for one in known]
        approved = installation.audits.approve_repairs(numbers, approval, events)
        if approved:
            try:
                seal(installation)
            except PreservationError as error:
                # It is approved, and in the journal, which is sealed by every night's run.
                LOG.warning("the journal could not be sealed: %s", error)
        return approved


def _approved(one: RecordedDamage, approval: RepairApproval) -> Event:
    return Event(
        event_id(SubmissionId(uuid4().hex), EventType.POLICY_ASSIGNMENT, str(one.number)),
        EventType.POLICY_ASSIGNMENT,
        approval.at,
        str(one.damage.package),
        EventOutcome.SUCCESS,
        f"the repair of damage {one.number} was approved: {one.damage.sentence}",
        approval.because,
        Agent(AgentKind.PERSON, approval.by),
    )
