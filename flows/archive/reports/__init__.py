"""Reports: what is kept, in numbers, and what this installation can show of the NDSA levels."""
