"""The ``muniment`` command, thin: results on stdout, progress and log on stderr."""
