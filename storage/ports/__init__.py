"""Ports: what the stages and flows may ask of where things are kept. Each has one contract suite."""
