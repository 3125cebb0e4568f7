"""Raising an alarm, from wherever something is noticed: a run, the watcher, a schedule."""

from __future__ import annotations

from collections.abc import Iterable

from flows.alarms.alarm import Alarm, headline
from flows.alarms.channels import Channel
from flows.alarms.mail import Mail
from flows.alarms.outbox import Outbox
from flows.alarms.webhook import Webhook
from flows.installation.log import LOG
from flows.installation.settings import Settings
from preservation.model.paths import printable


def channels_of(settings: Settings) -> tuple[Channel, ...]:
    """Return every configured channel. Their secrets are looked for only when something is sent."""
    installation = printable(str(settings.directory))
    mail = settings.alarms.mail
    webhooks = (Webhook(webhook, installation) for webhook in settings.alarms.webhook)
    return (*([Mail(mail, installation)] if mail else []), *webhooks)


def outbox_of(settings: Settings) -> Outbox:
    """Return the installation's outbox."""
    return Outbox(settings.state / "alarms")


def raise_alarms(settings: Settings, alarms: Iterable[Alarm]) -> None:
    """Raise each of them: see ``raise_alarm``."""
    for alarm in alarms:
        raise_alarm(settings, alarm)


def raise_alarm(settings: Settings, alarm: Alarm) -> bool:
    """Put an alarm into the outbox, from which the service sends it; raises nothing.

    Where it cannot be written down, for a full disk may be what it is about, it is sent at once, once.
    Returns whether the outbox knows of it: then it may be raised again and is not sent again.
    """
    channels = channels_of(settings)
    try:
        if channels and not outbox_of(settings).add(alarm, tuple(channel.name for channel in channels)):
            return True
    except OSError as error:
        _log(alarm)
        LOG.error("the alarm cannot be written down (%s), and is sent at once", error)
        for channel in channels:
            undelivered = channel.send(alarm)
            if undelivered is not None:
                LOG.error("it does not get through: %s", undelivered.reason)
        return False
    _log(alarm)
    return bool(channels)


def _log(alarm: Alarm) -> None:
    LOG.error("ALARM: %s. %s %s", headline(alarm), alarm.happened, alarm.next_step)
