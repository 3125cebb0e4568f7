"""Screening: is what was dropped fit to keep? Every finding is an issue; nothing is ever changed."""
