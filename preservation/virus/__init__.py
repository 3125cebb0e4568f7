"""The virus check: what a scanner says of each file, and how far its word is taken."""
