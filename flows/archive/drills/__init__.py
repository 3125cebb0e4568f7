"""Drills: rehearsed restores, each from one store alone, with a record and a certificate."""
