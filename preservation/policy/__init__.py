"""The policy file: how it is written, how it is read, and which of its rules takes a file."""
