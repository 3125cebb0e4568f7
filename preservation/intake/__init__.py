"""Intake: what a drop is, and where its payload lies."""
