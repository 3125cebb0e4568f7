"""Buckets that drops arrive in: adapters of the port in ``storage.ports.drop_buckets``."""
