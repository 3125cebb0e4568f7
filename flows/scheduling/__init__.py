"""Scheduling: when jobs run by themselves, when each of them ran last, and which of them did not."""
