"""Inboxes that are folders: the watcher, the notification of changes, the take."""
