"""Alarms: who is not looking is told, by e-mail or by a webhook, for certain and not twice a minute."""
