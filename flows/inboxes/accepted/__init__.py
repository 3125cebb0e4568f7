"""Accepted drops: when they may go, and how they go."""
