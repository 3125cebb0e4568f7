"""Places in buckets: of those in which drops arrive, none may be another one, or lie in one."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from urllib.parse import urlsplit

BUCKET_INBOX = "bucket inbox"
"""The kind of a place in which drops arrive."""


@dataclass(frozen=True, slots=True)
class BucketPlace:
    """A prefix of a bucket of the service at ``endpoint_url``; ``kind`` and ``name`` are of its settings."""

    kind: str
    name: str
    endpoint_url: str
    bucket: str
    prefix: str


def require_apart(places: Sequence[BucketPlace]) -> None:
    """Raise ``ValueError`` where a bucket inbox and another of ``places`` are one, or lie in each other."""
    inboxes_first = sorted(places, key=lambda place: place.kind != BUCKET_INBOX)
    for one, other in combinations(inboxes_first, 2):
        if one.kind == BUCKET_INBOX and _overlap(one, other):
            raise ValueError(
                f"the {one.kind} {one.name} and the {other.kind} {other.name} are one place, or lie in "
                "each other; name it once, or give each a prefix, or better a bucket, of its own"
            )


def _overlap(one: BucketPlace, other: BucketPlace) -> bool:
    if (_service(one.endpoint_url), one.bucket) != (_service(other.endpoint_url), other.bucket):
        return False
    first, second = (f"{place.prefix}/".lstrip("/") for place in (one, other))
    return first.startswith(second) or second.startswith(first)


def _service(endpoint_url: str) -> tuple[str, str]:
    """Return the service at a URL, in one spelling; over http and https it is the same."""
    parts = urlsplit(endpoint_url)
    host = parts.netloc.lower().removesuffix({"http": ":80", "https": ":443"}.get(parts.scheme, ""))
    # Without an address it is Amazon's own, whose buckets are the same ones in every region.
    return ("" if host.endswith(".amazonaws.com") else host), parts.path.rstrip("/")
