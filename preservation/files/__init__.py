"""Files of our own: written whole or not at all, and locked, the same way everywhere."""
