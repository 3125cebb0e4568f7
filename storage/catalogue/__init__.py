"""The catalogue: an index of what is kept, never the record of it."""
