"""Accepted drops: when they may be removed, and their removal."""
