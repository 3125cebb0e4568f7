"""Parsers and external programs in a cage: limits on what they may take, no network, nothing to write to."""
