"""The service's alarm watch: raises alarms about what waits too long, closes them, delivers the outbox."""

import threading
import time
from collections.abc import Iterable, Iterator
from datetime import timedelta
from itertools import chain
from typing import Final

from flows.alarms.alarm import Alarm, AlarmKey, AlarmKind, is_about_run
from flows.alarms.alarms import channels_of, outbox_of, raise_alarm
from flows.alarms.delivery import Delivery
from flows.inboxes.alarms import (
    failing_too_long,
    is_given_up,
    is_held,
    unsettled_too_long,
    waiting_too_long,
)
from flows.inboxes.queue.backlog import Backlog, Pending
from flows.inboxes.queue.holds import Hold, HoldBook, InboxPlace, hold_on
from flows.inboxes.report import read_inbox_report
from flows.installation.log import repeat
from flows.installation.settings import Settings
from flows.installation.wiring import now
from preservation.errors import IntegrityError

_DELIVER_SECONDS: Final = 5.0
_CHECK_SECONDS: Final = 60.0


class AlarmWatch:
    """Raises and delivers alarms in a thread of its own, so that a silent mail server delays no drop."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._outbox = outbox_of(settings)
        self._delivery = Delivery(self._outbox, channels_of(settings))
        self._backlog = Backlog(settings.areas)
        self._holds = HoldBook(settings)
        self._unknown_to_outbox: set[AlarmKey] = set()
        self._check_at = float("-inf")

    def run(self, stopped: threading.Event) -> None:
        """Run until ``stopped``. Errors are logged, each once, not raised."""
        repeat(self._check_and_deliver, _DELIVER_SECONDS, stopped, "alarms are raised and sent later")

    def _known_holds(self) -> tuple[Hold, ...] | None:
        """Return what is held; ``None`` where that cannot be read, which ``status`` and ``doctor`` report."""
        try:
            return self._holds.now()
        except IntegrityError:
            return None

    def _check_and_deliver(self) -> None:
        if time.monotonic() >= self._check_at:
            self._check_at = time.monotonic() + _CHECK_SECONDS
            self.check()
        self._delivery.deliver()

    def check(self) -> None:
        """Raise an alarm for what waits too long, and close those about what does not any more.

        Raises ``OSError``, ``IntegrityError``.
        """
        at = now()
        self._outbox.forget(at)
        patience = timedelta(hours=self._settings.alarms.waiting_hours)
        inboxes = read_inbox_report(self._settings)
        pending = self._backlog.pending()
        holds = self._known_holds()
        late = tuple(
            chain(
                waiting_too_long(_not_held(pending, holds or ()), patience, at),
                unsettled_too_long(inboxes.drops if inboxes else (), patience, at),
                failing_too_long(inboxes.faults if inboxes else (), patience, at),
            )
        )
        for alarm in late:
            if alarm.key not in self._unknown_to_outbox and not raise_alarm(self._settings, alarm):
                self._unknown_to_outbox.add(alarm.key)
        if inboxes is None or self._backlog.troubles:
            # What is not known now may wait still.
            return
        still = {alarm.key for alarm in late}

        def is_over(alarm: Alarm) -> bool:
            if alarm.kind is AlarmKind.GIVEN_UP:
                return not is_given_up(alarm, pending, at)
            if alarm.kind is AlarmKind.HELD:
                return holds is not None and not is_held(alarm, holds)
            if is_about_run(alarm):
                # Nothing waits for that run.
                return not pending
            return alarm.kind is AlarmKind.WAITING_TOO_LONG and alarm.key not in still

        self._outbox.close(is_over)


def _not_held(pending: Iterable[Pending], holds: tuple[Hold, ...]) -> Iterator[Pending]:
    """Yield what waits for a person or a run by itself: of what is held, the hold says why it waits."""
    return (
        one for one in pending if one.attempts is not None or hold_on(InboxPlace.of(one.take), holds) is None
    )
