"""Manifests that come with a drop, whoever wrote them: what they list, and which files are meant."""
