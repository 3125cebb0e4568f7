"""The audit journal: an append-only chain of hashes with signed heads, checkable without Muniment."""
