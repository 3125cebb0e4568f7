"""Every member of an image's container: carried, serving its decoding alone, or left behind by name."""
