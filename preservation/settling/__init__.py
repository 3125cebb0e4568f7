"""When a drop is complete: looking at what lies in an inbox, without opening any of it."""
