"""The service's alarm watch: raises alarms about what waits too long, closes them, delivers the outbox."""

import threading
import time
from datetime import timedelta
from itertools import chain
from typing import Final

from flows.alarms.alarm import Alarm, AlarmKey, AlarmKind, is_about_run
from flows.alarms.alarms import channels_of, outbox_of, raise_alarm
from flows.alarms.delivery import Delivery
from flows.inboxes.alarms import failing_too_long, is_given_up, unsettled_too_long, waiting_too_long
from flows.inboxes.queue.backlog import Backlog
from flows.inboxes.report import read_inbox_report
from flows.installation.log import repeat
from flows.installation.settings import Settings
from flows.installation.wiring import now

_DELIVER_SECONDS: Final = 5.0
_CHECK_SECONDS: Final = 60.0


class AlarmWatch:
    """Raises and delivers alarms in a thread of its own, so that a silent mail server delays no drop."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._outbox = outbox_of(settings)
        self._delivery = Delivery(self._outbox, channels_of(settings))
        self._backlog = Backlog(settings.areas)
        self._unknown_to_outbox: set[AlarmKey] = set()
        self._check_at = float("-inf")

    def run(self, stopped: threading.Event) -> None:
        """Run until ``stopped``. Errors are logged, each once, not raised."""
        repeat(self._check_and_deliver, _DELIVER_SECONDS, stopped, "alarms are raised and sent later")

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
        late = tuple(
            chain(
                waiting_too_long(pending, patience, at),
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
            if is_about_run(alarm):
                # Nothing waits for that run.
                return not pending
            return alarm.kind is AlarmKind.WAITING_TOO_LONG and alarm.key not in still

        self._outbox.close(is_over)
