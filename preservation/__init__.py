"""The core: what preserving means. It knows no orchestrator, no object store, no database, no network."""
