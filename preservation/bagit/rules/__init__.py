"""The rules of RFC 8493, one a file. Each takes what a bag says of itself and yields the issues it finds."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from preservation.bagit.contents import BagContents
from preservation.bagit.rules import (
    fetch_file,
    listed_files,
    names_alike,
    odd_payload,
    required_elements,
    tag_manifests,
    unlisted_payload,
)
from preservation.model.issues import Issue

RULES: tuple[Callable[[BagContents], Iterator[Issue]], ...] = (
    required_elements.check,
    listed_files.check,
    unlisted_payload.check,
    tag_manifests.check,
    fetch_file.check,
    names_alike.check,
    odd_payload.check,
)
"""What can be said before the bytes of a file are read, in the order in which people are told."""
