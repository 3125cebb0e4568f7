"""One installation: its settings, its folders, its adapters, its locks."""
