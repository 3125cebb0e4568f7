"""Proofs: a derivative compared with its source, both read anew from what was written.

The source is decoded anew for the comparison, by another decoder than the conversion used wherever there
is one (see ``opening``), so that a fault of the converting decoder shows as well. Where one library lies
beneath both sides the detail names it: such a proof shows that encoding lost nothing, not that the library
reads the format rightly.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import replace

from preservation.errors import UnacceptableContentError
from preservation.model.decisions import ProofName
from preservation.model.derivatives import Proof
from preservation.rasters.decoders import spoken
from preservation.rasters.raster import Companions, LengthUnit, Raster, Resolution, little_endian

SAME_PIXELS = ProofName("same-pixels")
SAME_PROFILE = ProofName("same-profile")
SAME_RESOLUTION = ProofName("same-resolution")
SAME_PAGE_COUNT = ProofName("same-page-count")
SAME_EMBEDDED_METADATA = ProofName("same-embedded-metadata")

_TOLERANCE = 0.001
"""Every format tells resolution in units of its own, and rounds by less than this part of it."""


def prove(name: ProofName, source: Raster, derivative: Raster) -> Proof:
    """Return the proof of that name. A side that cannot be decoded is a proof that does not hold."""
    try:
        return _PROOFS[name](source, derivative)
    except UnacceptableContentError as error:
        return Proof(name, holds=False, detail=f"it could not be compared: {error}")


def same_pixels(source: Raster, derivative: Raster) -> Proof:
    """Compare every sample of every page, what the samples stand for, and which way up the page is shown.

    The digests in the detail are SHA-256 of the samples, row by row, numbers little-endian, bilevel ones a
    byte each; of several pages, SHA-256 of the digests of the pages.
    """
    if source.page_count != derivative.page_count:
        return replace(same_page_count(source, derivative), name=SAME_PIXELS)
    sides: tuple[list[bytes], list[bytes]] = [], []
    layout = ""
    for page in range(source.page_count):
        # Only one page of one side is held decoded at any time: pages are large.
        theirs, ours = _measured(source, page), _measured(derivative, page)
        if theirs != ours:
            told = [f"{layout}, sha256 {digest.hex()}" for layout, digest in (theirs, ours)]
            return Proof(
                SAME_PIXELS,
                holds=False,
                detail=f"page {page + 1} differs: {told[0]} in the source, {told[1]} in the derivative",
            )
        layout = layout or theirs[0]
        for digests, (_, digest) in zip(sides, (theirs, ours), strict=True):
            digests.append(digest)
    others = f" and {source.page_count - 1} more pages" if source.page_count > 1 else ""
    sums = [_of_all(digests).hex() for digests in sides]
    return Proof(
        SAME_PIXELS,
        holds=True,
        detail=f"{layout}{others}, sha256 {sums[0]} in the source, decoded by {spoken(source.decoder)}, "
        f"{sums[1]} in the derivative, decoded by {spoken(derivative.decoder)}",
    )


def same_profile(source: Raster, derivative: Raster) -> Proof:
    """Compare the ICC profiles of every page, byte for byte; none on both sides is the same."""

    def told(found: Companions) -> str:
        if found.profile is None:
            return "no profile"
        return f"{len(found.profile):,} bytes, sha256 {hashlib.sha256(found.profile).hexdigest()}"

    def differences(theirs: Companions, ours: Companions) -> list[str]:
        return [] if theirs.profile == ours.profile else ["profile"]

    return _compared(SAME_PROFILE, source, derivative, told, differences)


def same_resolution(source: Raster, derivative: Raster) -> Proof:
    """Compare pixels per inch of every page, within 0.1 %; none on both sides is the same."""

    def told(found: Companions) -> str:
        return "no resolution" if found.resolution is None else str(found.resolution)

    def differences(theirs: Companions, ours: Companions) -> list[str]:
        return [] if _are_close(theirs.resolution, ours.resolution) else ["resolution"]

    return _compared(SAME_RESOLUTION, source, derivative, told, differences)


def same_page_count(source: Raster, derivative: Raster) -> Proof:
    """Count pages, and pictures that hang below pages, on both sides."""
    counts = [(raster.page_count, raster.sub_images) for raster in (source, derivative)]
    told = [f"{pages} pages" + (f" and {below} sub-images" if below else "") for pages, below in counts]
    return Proof(
        SAME_PAGE_COUNT, counts[0] == counts[1], f"{told[0]} in the source, {told[1]} in the derivative"
    )


def same_embedded_metadata(source: Raster, derivative: Raster) -> Proof:
    """Compare every descriptive field of every page, EXIF, XMP and IPTC, byte for byte.

    Does not hold where the source has more than the target can hold, such as the text notes of a PNG.
    """

    def told(found: Companions) -> str:
        return str(found.embedded)

    def differences(theirs: Companions, ours: Companions) -> list[str]:
        return [*theirs.embedded.beyond_us, *theirs.embedded.differences(ours.embedded)]

    return _compared(SAME_EMBEDDED_METADATA, source, derivative, told, differences)


def _compared(
    name: ProofName,
    source: Raster,
    derivative: Raster,
    told: Callable[[Companions], str],
    differences: Callable[[Companions, Companions], list[str]],
) -> Proof:
    """Compare what travels with every page; tell of the first page, or of the one that differs."""
    if source.page_count != derivative.page_count:
        return replace(same_page_count(source, derivative), name=name)
    first = ""
    for page in range(source.page_count):
        theirs, ours = source.companions(page), derivative.companions(page)
        detail = f"{told(theirs)} in the source, {told(ours)} in the derivative"
        if found := differences(theirs, ours):
            return Proof(name, holds=False, detail=f"page {page + 1} differs in {', '.join(found)}: {detail}")
        first = first or detail
    return Proof(name, holds=True, detail=first)


def _of_all(digests: list[bytes]) -> bytes:
    return digests[0] if len(digests) == 1 else hashlib.sha256(b"".join(digests)).digest()


def _measured(raster: Raster, page: int) -> tuple[str, bytes]:
    samples = raster.samples(page)
    orientation = raster.companions(page).orientation
    layout = f"{samples}" if orientation == 1 else f"{samples}, orientation {orientation}"
    return layout, hashlib.sha256(little_endian(samples.values).data).digest()


def _are_close(theirs: Resolution | None, ours: Resolution | None) -> bool:
    if theirs is None or ours is None:
        return theirs is ours
    pairs = zip(theirs.per_inch, ours.per_inch, strict=True)
    has_unit = [found.unit is not LengthUnit.NONE for found in (theirs, ours)]
    return has_unit[0] == has_unit[1] and all(abs(one - other) <= _TOLERANCE * one for one, other in pairs)


_PROOFS: dict[ProofName, Callable[[Raster, Raster], Proof]] = {
    SAME_PIXELS: same_pixels,
    SAME_PROFILE: same_profile,
    SAME_RESOLUTION: same_resolution,
    SAME_PAGE_COUNT: same_page_count,
    SAME_EMBEDDED_METADATA: same_embedded_metadata,
}
