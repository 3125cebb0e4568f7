"""Normalization: derivatives made as a rule says, each one proved against its source or refused."""
