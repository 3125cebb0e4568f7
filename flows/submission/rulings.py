"""The rulings of an installation: in one small file, and each in the journal before it holds."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, TypeVar
from uuid import uuid4

import msgspec

from flows.archive.journal_seal import seal
from flows.installation.log import LOG
from flows.installation.settings import Settings
from flows.installation.wiring import Installation, now
from preservation.errors import ConfigurationError, IntegrityError, NotFoundError, PreservationError
from preservation.files.lock import locked
from preservation.model.events import Agent, AgentKind, Event, EventOutcome, EventType, event_id
from preservation.model.identifiers import ObjectId, SubmissionId
from preservation.model.rulings import FormatRuling, Ruling, Waiver
from preservation.model.submissions import Submission
from preservation.records import Records

_Value = TypeVar("_Value", bound=Ruling)
_FILE: Final = "rulings.jsonl"


def rulings_of(settings: Settings) -> tuple[Ruling, ...]:
    """Return all rulings that hold, the oldest first. Raises ``IntegrityError`` where they cannot be read."""
    return tuple(one for one in _read(_records(settings.state)) if not one.ended)


def waivers_for(submission: Submission, batch: str, settings: Settings) -> tuple[Waiver, ...]:
    """Return the waivers that hold for a drop on the day on which it came; ``batch`` is that of its order."""
    day = submission.received_at.date()
    return tuple(
        one
        for one in rulings_of(settings)
        if isinstance(one, Waiver) and one.holds_for(submission.object, batch, day)
    )


def formats_for(object_id: ObjectId, settings: Settings) -> dict[str, FormatRuling]:
    """Return the formats that were set by hand for files of the object: the latest of each, by its path."""
    return {
        one.path: one
        for one in rulings_of(settings)
        if isinstance(one, FormatRuling)
        and (one.collection, one.object) == (object_id.collection, object_id.name)
    }


def give(make: Callable[[int], _Value], installation: Installation) -> _Value:
    """Record a ruling, and return it; ``make`` gets the number that it has.

    Raises ``ConfigurationError`` where it is not said who decides, or why; ``IntegrityError``,
    ``StorageError``, ``OSError``.
    """
    with _locked(installation.settings) as records:
        before = _read(records)
        ruling = make(1 + max((one.number for one in before), default=0))
        if not ruling.by.strip() or not ruling.because.strip():
            raise ConfigurationError("a ruling names who decides, and why; give both")
        _record(ruling, ruling.sentence, ruling.because, ruling.by, installation)
        records.write((*before, ruling))
    return ruling


def end_ruling(number: int, installation: Installation, *, by: str, because: str) -> Ruling:
    """End a ruling, and return it: drops that are judged from now on are judged without it.

    Raises ``NotFoundError`` where there is none of that number; else as ``give`` does.
    """
    if not by.strip() or not because.strip():
        raise ConfigurationError("who ends a ruling is named, and why; give both")
    with _locked(installation.settings) as records:
        rulings = _read(records)
        ended = next((one for one in rulings if one.number == number and not one.ended), None)
        if ended is None:
            raise NotFoundError(f"{number}: there is no ruling of that number; muniment waiver list has them")
        _record(ended, f"ended: {ended.sentence}", because, by, installation)
        # It stays: its number stands in the journal, and is no other one's.
        records.write(msgspec.structs.replace(one, ended=True) if one is ended else one for one in rulings)
    return ended


def _record(ruling: Ruling, detail: str, because: str, by: str, installation: Installation) -> None:
    about = ruling.collection if ruling.object is None else f"{ruling.collection}/{ruling.object}"
    kind = EventType.POLICY_ASSIGNMENT
    identifier = event_id(SubmissionId(uuid4().hex), kind, about)
    agent = Agent(AgentKind.PERSON, by)
    installation.journal.append(
        [Event(identifier, kind, now(), about, EventOutcome.SUCCESS, detail, because, agent)]
    )
    try:
        seal(installation)
    except PreservationError as error:
        # It is in the journal, which is sealed by every night's run.
        LOG.warning("the journal could not be sealed: %s", error)


@contextmanager
def _locked(settings: Settings) -> Iterator[Records[Ruling]]:
    records = _records(settings.state)
    with locked(records.path.with_suffix(".lock")):
        yield records


def _records(state: Path) -> Records[Ruling]:
    return Records(state / _FILE, Ruling)  # type: ignore[arg-type]  # a union is a type to msgspec


def _read(records: Records[Ruling]) -> tuple[Ruling, ...]:
    try:
        return tuple(records.so_far)
    except IntegrityError as error:
        raise IntegrityError(
            f"{records.path}: what persons decided cannot be read, so no drop is judged; remove the file, "
            "then give again what is to hold: the journal has every ruling"
        ) from error
