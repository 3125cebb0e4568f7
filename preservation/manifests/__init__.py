"""Manifests that come with a drop, of any origin: what they list, and which files are meant."""
