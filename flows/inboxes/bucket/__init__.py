"""Inboxes in S3 buckets: listing, claims, download, answers."""
