"""Adoption: what exists already comes along: old folders, bags of others, packages of another Muniment."""
