"""Inboxes that are folders: watched, looked through, taken from."""
