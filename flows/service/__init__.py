"""The long-running service: dispatch loop, supervision, alarm watch; and status and doctor."""
