"""Documents: the libraries that read them, made ready for a cage."""
