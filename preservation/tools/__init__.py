"""Parsers in a cage: limits on what they may take, no network, nothing to write to; and the virus scanner."""
