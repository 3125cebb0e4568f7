"""The metadata of the bag itself (RFC 8493 section 2.2.2)."""

from __future__ import annotations

from collections.abc import Iterator

from preservation.packaging.contents import PackageContents
from preservation.packaging.payload import PayloadTally


def bag_info_fields(contents: PackageContents, tally: PayloadTally) -> Iterator[tuple[str, str]]:
    """Return the fields of ``bag-info.txt``: the policy's own first, then what was counted and is known."""
    yield from contents.policy.terms.packaging.bag_info.items()
    yield "External-Identifier", str(contents.package.object)
    yield "Internal-Sender-Identifier", contents.submission.identifier
    yield "Bagging-Date", contents.created_at.date().isoformat()
    yield "Bag-Software-Agent", f"{contents.software.name} {contents.software.version}"
    yield "Payload-Oxum", f"{tally.bytes}.{tally.files}"
    yield "Muniment-Object-Version", f"v{contents.package.version}"
    yield "Muniment-Policy", str(contents.policy.reference)
    if tally.fetched:
        yield "Muniment-Files-In-Earlier-Versions", tally.kept_earlier
