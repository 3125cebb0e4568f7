"""The digests of tag manifests: each stands for a whole version, which catalogue and journal record.

A tag manifest lists every other tag file, the manifests among them, and these list the payload.
"""

import re
from collections.abc import Iterable, Mapping

import msgspec

from preservation.model.digests import Algorithm, Digests, HexDigest, parse_digest
from preservation.model.layout import COMMITS
from preservation.model.paths import BagPath

_STATED = re.compile(r"(tagmanifest-[a-z0-9]+\.txt) (sha256|sha512):([0-9a-f]+)")


class TagDigest(msgspec.Struct, frozen=True, order=True):
    """The digest of the tag manifest at ``path``, by an algorithm that cannot be forged."""

    path: BagPath
    algorithm: Algorithm
    digest: HexDigest

    def __str__(self) -> str:
        return f"{self.path} {self.algorithm.value}:{self.digest}"

    @property
    def digests(self) -> Digests:
        """The digest as a file of the bag must have it."""
        return {self.algorithm: self.digest}


def tag_digests_among(
    files: Iterable[tuple[BagPath, Mapping[Algorithm, HexDigest]]],
) -> tuple[TagDigest, ...]:
    """Return the digests of the tag manifests among the files of a bag, by SHA-256 or else SHA-512."""
    found = (
        TagDigest(path, algorithm, digests[algorithm])
        for path, digests in files
        if path in COMMITS
        for algorithm in (Algorithm.SHA256, Algorithm.SHA512)
        if algorithm in digests
    )
    first: dict[BagPath, TagDigest] = {}
    for one in found:
        first.setdefault(one.path, one)
    return tuple(sorted(first.values()))


def stated(digests: Iterable[TagDigest]) -> str:
    """Return the digests as text: ``tagmanifest-sha256.txt sha256:5c02…``, with commas between them."""
    return ", ".join(map(str, digests))


def stated_in(text: str) -> tuple[TagDigest, ...]:
    """Return the digests that ``stated`` wrote into ``text``; none where there are none."""
    found = []
    for path, name, digest in _STATED.findall(text):
        algorithm = Algorithm(name)
        try:
            found.append(TagDigest(BagPath(path), algorithm, parse_digest(algorithm, digest)))
        except ValueError:
            continue
    return tuple(sorted(one for one in found if one.path in COMMITS))
