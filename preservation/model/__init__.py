"""Frozen values only: what the stages hand to each other. No file is opened and nothing is decided here."""
