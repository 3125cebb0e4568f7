"""Raising an alarm, from a run, the watcher or a schedule."""

from collections.abc import Iterable

from flows.alarms.alarm import Alarm, headline
from flows.alarms.channels import Channel
from flows.alarms.mail import Mail
from flows.alarms.outbox import Outbox
from flows.alarms.webhook import Webhook
from flows.installation.log import LOG
from flows.installation.settings import Settings
from preservation.errors import ConfigurationError, UnavailableError
from preservation.model.paths import printable


def channels_of(settings: Settings) -> tuple[Channel, ...]:
    """Return every configured channel. A channel reads its secret only when it sends."""
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
    """Put an alarm into the outbox, from which the service sends it; raise nothing.

    It is open until it is closed, also where there is no channel. Where the outbox cannot be written (a
    full disk may be what the alarm is about), the alarm is sent at once, without a second try.

    Returns:
        Whether the outbox has it, so that it is not reported again when it is raised again.
    """
    channels = channels_of(settings)
    try:
        if not outbox_of(settings).add(alarm, tuple(channel.name for channel in channels)):
            return True
    except OSError as error:
        _log(alarm)
        LOG.error("the alarm cannot be written to the outbox (%s) and is sent at once", error)
        for channel in channels:
            undelivered = channel.send(alarm)
            if undelivered is not None:
                LOG.error("the alarm was not delivered: %s", undelivered.reason)
        return False
    _log(alarm)
    return True


def give_notice(settings: Settings, notice: Alarm) -> None:
    """Put a notice, which is no alarm, into the outbox of the channels.

    Raises ``ConfigurationError`` where there is no channel, ``UnavailableError``.
    """
    channels = channels_of(settings)
    if not channels:
        raise ConfigurationError(
            "[witness] channels is set and no channel is configured; add [alarms.mail] or [[alarms.webhook]] "
            "to muniment.toml (docs/alarms.md)"
        )
    try:
        outbox_of(settings).add(notice, tuple(channel.name for channel in channels))
    except OSError as error:
        raise UnavailableError(
            f"{headline(notice)}: it cannot be written to the outbox ({error.strerror}); see that "
            "state/alarms/ can be written and has room"
        ) from error


def _log(alarm: Alarm) -> None:
    LOG.error("ALARM: %s. %s %s", headline(alarm), alarm.happened, alarm.next_step)
