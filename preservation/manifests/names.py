"""Which files of a drop are manifests, going by their names."""

import re
from collections.abc import Iterator
from enum import Enum, auto
from itertools import product

from preservation.model.paths import RelativePath

_ALGORITHMS = "md5|sha1|sha256|sha512"
_CERTAIN = re.compile(
    rf".+\.(?:{_ALGORITHMS})|(?:{_ALGORITHMS})sums?(?:\.txt)?|manifest-(?:{_ALGORITHMS})\.txt|checksums?\.(?:txt|csv|tsv)",
    re.IGNORECASE,
)
_POSSIBLE = re.compile(r"manifest-.+\.txt|checksums?\..+", re.IGNORECASE)
_SIDECAR = re.compile(rf"(?P<about>.+)\.(?:{_ALGORITHMS})", re.IGNORECASE)
# What macOS puts beside every file on other disks.
_OF_A_MAC = "._"
_TABLE = re.compile(r".+\.[ct]sv", re.IGNORECASE)
_BAGIT = re.compile(rf"manifest-(?:{_ALGORITHMS})\.txt", re.IGNORECASE)


class Likelihood(Enum):
    """How sure a name makes us that the file is a manifest."""

    CERTAIN = auto()
    """It says so: where it cannot be read as one, the user should know."""
    POSSIBLE = auto()
    """Only its content can show it; a picture called ``checksums.jpg`` is a picture."""


def likelihood(path: RelativePath) -> Likelihood | None:
    """Say how likely the file at ``path`` is a manifest; ``None`` where its name does not suggest it."""
    name = path.rpartition("/")[2]
    if name.startswith(_OF_A_MAC):
        return None
    if _CERTAIN.fullmatch(name):
        return Likelihood.CERTAIN
    return Likelihood.POSSIBLE if _POSSIBLE.fullmatch(name) else None


def sidecar_target(path: RelativePath) -> RelativePath | None:
    """Return the file that a sidecar is named for: ``image.tif`` of ``image.tif.md5``, there or not."""
    found = _SIDECAR.fullmatch(path)
    return RelativePath(found["about"]) if found and not found["about"].endswith("/") else None


def sidecars_beside(name: str) -> tuple[str, ...]:
    """Return the names that the sidecars of a file of that name have, there or not."""
    return tuple(f"{name}.{case}" for ending in _ALGORITHMS.split("|") for case in _cases(ending))


def _cases(word: str) -> Iterator[str]:
    """Yield the word in small and capital letters, mixed in every way: few, for it is short."""
    letters = (dict.fromkeys((letter, letter.upper())) for letter in word)
    return map("".join, product(*letters))


def sidecar_name(path: RelativePath) -> str:
    """Return the name, in the folder of a sidecar, of the file that it is named for; ``""`` for others."""
    return (sidecar_target(path) or "").rpartition("/")[2]


def is_named_as_table(path: RelativePath) -> bool:
    """Say whether the file is named like a table of values between commas or tabs."""
    return _TABLE.fullmatch(path.rpartition("/")[2]) is not None


def is_bagit_manifest(path: RelativePath) -> bool:
    """Say whether the file is named like a payload manifest of a bag (RFC 8493 section 2.1.3)."""
    return _BAGIT.fullmatch(path.rpartition("/")[2]) is not None
