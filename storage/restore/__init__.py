"""Restoring: files of a kept version back out of the stores, every byte compared as it lands."""
