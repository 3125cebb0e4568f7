"""What the settings choose: the channels, and where the outbox is."""

from __future__ import annotations

from flows.alarms.channels import Channel
from flows.alarms.mail import Mail
from flows.alarms.outbox import Outbox
from flows.alarms.webhook import Webhook
from flows.settings import Settings
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
