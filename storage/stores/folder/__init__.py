"""A store in a folder of a mounted file system."""
