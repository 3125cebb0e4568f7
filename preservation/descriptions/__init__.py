"""Tables of descriptive metadata that come with a drop: ``metadata.csv`` as people and programs write it."""
