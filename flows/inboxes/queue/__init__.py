"""The durable queue of taken drops, and who may change it."""
