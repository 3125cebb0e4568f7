"""One drop from its claim, stage by stage, to its answer."""
