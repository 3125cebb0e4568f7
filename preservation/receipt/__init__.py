"""The receipt: what became of a drop, for the people who made it. Verdict first, then each file."""
