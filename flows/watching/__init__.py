"""Watch folders: what lies in the inboxes is waited for, taken, given to runs, and answered in place."""
