"""Alarms: notices to the operator by e-mail or webhook; each arrives at least once and is not repeated."""
