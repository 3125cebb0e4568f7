"""Runs as processes: one warm process forks for each run, and the worker talks to it over a socket pair."""
