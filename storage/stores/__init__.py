"""The stores themselves: peers under one contract suite. ``flows.installation.wiring`` chooses one."""
