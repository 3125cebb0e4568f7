"""The stores themselves: peers under one contract suite. A store is chosen in ``flows.installation.wiring`` only."""
