"""An installation: its settings, folders, adapters and locks."""
