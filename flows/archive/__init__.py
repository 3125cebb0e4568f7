"""What is done with what is kept: restore, history, the check of the journal."""
