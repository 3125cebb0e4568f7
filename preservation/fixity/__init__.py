"""Fixity: one read, many digests; and the verdict on bytes that were promised."""
