"""The one database beside the stores: it carries the catalogue and the journal in common transactions."""
