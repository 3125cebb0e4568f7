"""Inboxes in S3 buckets: listed, claimed, downloaded, answered there."""
