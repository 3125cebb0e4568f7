"""What runs for days: the dispatch loop, supervision, the alarm watch; and status and doctor."""
