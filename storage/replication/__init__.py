"""Replication: a planned bag into every store, read back from where it rests, and the outcome of that."""
