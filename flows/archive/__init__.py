"""Work on what is kept: restore, history, the check of the journal."""
