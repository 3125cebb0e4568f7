"""A realistic set of drops, drawn at run time, and what Muniment makes of it."""
