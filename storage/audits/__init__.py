"""Audits: every byte of every replica read again, for ever; what was found, and whose turn it is."""
