"""Where things lie in a package: the stored form that third parties read (``docs/package.md``)."""

from typing import Final

from preservation.model.digests import Algorithm
from preservation.model.paths import BagPath, RelativePath, bag_path

README: Final = BagPath("README.txt")
"""What a package is and how it is checked, for readers who know nothing of Muniment."""

PREMIS: Final = BagPath("metadata/premis.xml")
"""PREMIS 3: objects, events and agents."""

POLICY: Final = BagPath("metadata/policy.toml")
"""The very policy that shaped the package, byte for byte."""


def policy_schema(path: str) -> BagPath:
    """Return where the copy of an XML schema lies that the policy names, ``path`` being that beside it."""
    return bag_path(f"metadata/policy-schemas/{path}")


DUBLIN_CORE: Final = BagPath("metadata/descriptive/dc.xml")
"""Simple Dublin Core about the whole object."""

NOT_KEPT: Final = BagPath("metadata/submission/not-kept.csv")
"""What was in the drop and is not in the package, each with its reason."""


def commit(algorithm: Algorithm) -> BagPath:
    """Return the file whose presence makes a version exist: its tag manifest (RFC 8493 section 2.2.1)."""
    return BagPath(f"tagmanifest-{algorithm.value}.txt")


BY_PREFERENCE: Final = (Algorithm.SHA256, Algorithm.SHA512, Algorithm.SHA1, Algorithm.MD5)
"""What the manifests of a version may be by, the likeliest first: to look for a file is a request."""

COMMITS: Final = tuple(map(commit, BY_PREFERENCE))
"""Every path by which a version may have been committed, in that order."""

ORIGINALS: Final = "data/originals/"
"""What the paths of dropped files begin with."""


def original(path: RelativePath) -> BagPath:
    """Return where a dropped file lies. Raises ``ValueError`` where its name is not UTF-8."""
    return bag_path(f"{ORIGINALS}{path}")


def original_at(path: BagPath) -> RelativePath | None:
    """Return which dropped file lies at a path of a bag; ``None`` where none does."""
    return RelativePath(path.removeprefix(ORIGINALS)) if path.startswith(ORIGINALS) else None


def preserved(path: RelativePath) -> BagPath:
    """Return where a preservation derivative lies."""
    return bag_path(f"data/preservation/{path}")


def supplied_description(path: RelativePath) -> BagPath:
    """Return where the copy of a descriptive file of the drop lies; it stays in the payload too."""
    return bag_path(f"metadata/descriptive/supplied/{path}")


def supplied_manifest(path: RelativePath) -> BagPath:
    """Return where the copy of a manifest of the drop lies; it stays in the payload too."""
    return bag_path(f"metadata/submission/manifests/{path}")


def supplied_beside(name: RelativePath) -> BagPath:
    """Return where the copy of a manifest lies that came beside a drop of one file."""
    return bag_path(f"metadata/submission/beside/{name}")


def submitted_tag_file(path: RelativePath) -> BagPath:
    """Return where a tag file of a submitted bag lies, ``path`` being its path in that bag."""
    return bag_path(f"metadata/submission/bag/{path}")
