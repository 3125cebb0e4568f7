"""Where things are kept: stores, catalogue, journal. It knows the core's values and no orchestrator."""
