"""The progress of a submission: measured, recorded, shown."""
