"""Closing an alarm, by a person who saw to it."""

from datetime import datetime

from flows.alarms.alarm import CLOSED_BY_PEOPLE, Alarm, headline
from flows.alarms.alarms import outbox_of
from flows.installation.log import LOG
from flows.installation.settings import Settings
from flows.installation.wiring import now, open_installation
from preservation.errors import NotFoundError, UnavailableError
from preservation.model.events import Agent, AgentKind, Event, EventOutcome, EventType, event_id
from preservation.model.identifiers import SubmissionId
from preservation.model.paths import printable


def close_by_person(settings: Settings, identifier: str, *, because: str, by: str) -> Alarm:
    """Close the open alarm whose identifier begins so; return it.

    The journal gets who closed what and why, before it is closed: that stays when the alarm is forgotten.

    Raises ``NotFoundError`` where no alarm or several begin so, or where it is closed by the service when it
    is over; ``UnavailableError`` where the outbox cannot be written, and what appending to the journal
    raises. It is open then as before.
    """
    outbox = outbox_of(settings)
    found = [one.alarm for one in outbox.open_alarms() if identifier and one.alarm.id.startswith(identifier)]
    if len(found) != 1:
        how_many = "several open alarms begin" if found else "no open alarm begins"
        raise NotFoundError(f"{printable(identifier)}: {how_many} so; muniment alarms shows them")
    (alarm,) = found
    if alarm.kind not in CLOSED_BY_PEOPLE:
        raise NotFoundError(f"{headline(alarm)}: it is closed by itself when that is over; {alarm.next_step}")
    with open_installation(settings) as installation:
        installation.journal.append([_closing(alarm, Agent(AgentKind.PERSON, by), because, now())])
    try:
        outbox.close(lambda one: one.id == alarm.id)
    except OSError as error:
        raise UnavailableError(
            f"{headline(alarm)}: that it is closed cannot be written ({error.strerror}); see that "
            "state/alarms/ can be written and has room"
        ) from error
    LOG.warning("ALARM closed: %s, by %s: %s", headline(alarm), printable(by), printable(because))
    return alarm


def _closing(alarm: Alarm, by: Agent, because: str, at: datetime) -> Event:
    # An alarm that is raised again may have the same identifier, and is closed again.
    return Event(
        event_id(SubmissionId(alarm.id), EventType.POLICY_ASSIGNMENT, at.isoformat()),
        EventType.POLICY_ASSIGNMENT,
        at,
        alarm.about,
        EventOutcome.SUCCESS,
        f"the alarm of {alarm.at:%Y-%m-%d %H:%M} UTC was closed: {headline(alarm)}: {alarm.happened}",
        because,
        by,
    )
