"""Drills: restores that are tried, each from one store alone, with a record and a certificate."""
