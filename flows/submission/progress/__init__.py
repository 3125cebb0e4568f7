"""How far a submission is: measured, noted, shown."""
