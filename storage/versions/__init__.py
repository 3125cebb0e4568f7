"""Versions: what earlier versions of an object already hold, sure enough to be built upon."""
