"""Bucket inboxes: what lies in them is waited for, claimed, brought here as a take, and answered there."""
