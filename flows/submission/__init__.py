"""One drop on its way: claimed, worked on stage by stage, answered."""
