"""Zip and tar archives from anywhere, walked member by member without unpacking, within limits."""
