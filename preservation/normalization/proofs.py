"""Proofs: a derivative compared with its source, both read anew from what was written.

The source is decoded anew for the comparison, by another decoder than the conversion used wherever there
is one (see ``rasters.opening``), so that a fault of the converting decoder shows as well. Where one library
lies beneath both sides the detail names it: such a proof shows that encoding lost nothing, not that the
library reads the format rightly.
"""

import hashlib
from collections.abc import Callable
from typing import Final, NamedTuple, TypeAlias

from preservation.errors import UnacceptableContentError
from preservation.model.decisions import ProofName
from preservation.model.derivatives import Proof
from preservation.normalization.comparison import Comparable
from preservation.policy.proofs import ProvableProof
from preservation.rasters.decoders import in_words


class Comparison(NamedTuple):
    """Whether a proof holds, and the figures on both sides."""

    holds: bool
    detail: str


Method: TypeAlias = Callable[[ProvableProof, Comparable, Comparable], Comparison]
"""Compares a source with its derivative in what the proof names."""


def prove(name: ProofName, source: Comparable, derivative: Comparable) -> Proof:
    """Return the proof of that name. A side that cannot be decoded is a proof that does not hold."""
    proof = ProvableProof(name)
    try:
        return Proof(name, *PROOFS[proof](proof, source, derivative))
    except UnacceptableContentError as error:
        return Proof(name, holds=False, detail=f"it could not be compared: {error}")


def same_content(proof: ProvableProof, source: Comparable, derivative: Comparable) -> Comparison:
    """Compare all that the parts decode to.

    The digest in the detail is the SHA-256 of what the part decodes to; of several parts, of their digests.
    """
    if source.part_count != derivative.part_count or source.extent != derivative.extent:
        return same_extent(proof, source, derivative)
    digests = []
    layout = ""
    for part in range(source.part_count):
        # Only one part of one side is held decoded at any time: parts are large.
        theirs, ours = source.content(part), derivative.content(part)
        if theirs != ours:
            sides = [f"{side.layout}, sha256 {side.sha256.hex()}" for side in (theirs, ours)]
            detail = f"{source.part_name} {part + 1} differs: {sides[0]} in the source, "
            return Comparison(holds=False, detail=f"{detail}{sides[1]} in the derivative")
        layout = layout or theirs.layout
        digests.append(theirs.sha256)
    others = f" and {len(digests) - 1} more {source.part_name}s" if len(digests) > 1 else ""
    digest = (digests[0] if len(digests) == 1 else hashlib.sha256(b"".join(digests)).digest()).hex()
    return Comparison(
        holds=True,
        detail=f"{layout}{others}, sha256 {digest} in the source, decoded by {in_words(source.decoder)}, "
        f"{digest} in the derivative, decoded by {in_words(derivative.decoder)}",
    )


def same_extent(_: ProvableProof, source: Comparable, derivative: Comparable) -> Comparison:
    """Compare how many parts there are."""
    theirs, ours = source.extent, derivative.extent
    return Comparison(theirs == ours, f"{theirs} in the source, {ours} in the derivative")


def same_property(proof: ProvableProof, source: Comparable, derivative: Comparable) -> Comparison:
    """Compare one property of every part; the detail is of the first part, or of the one that differs."""
    if source.part_count != derivative.part_count:
        return same_extent(proof, source, derivative)
    first = ""
    for part in range(source.part_count):
        theirs, ours = source.properties(part).get(proof), derivative.properties(part).get(proof)
        if theirs is None or ours is None:
            raise UnacceptableContentError(f"files of its kind have nothing that {proof} compares")
        detail = f"{theirs} in the source, {ours} in the derivative"
        if found := theirs.differences(ours):
            which = f"{source.part_name} {part + 1} differs in {', '.join(found)}"
            return Comparison(holds=False, detail=f"{which}: {detail}")
        first = first or detail
    return Comparison(holds=True, detail=first)


PROOFS: Final[dict[ProvableProof, Method]] = {
    ProvableProof.SAME_PIXELS: same_content,
    ProvableProof.SAME_PROFILE: same_property,
    ProvableProof.SAME_RESOLUTION: same_property,
    ProvableProof.SAME_PAGE_COUNT: same_extent,
    ProvableProof.SAME_EMBEDDED_METADATA: same_property,
}
"""Every proof that a policy can ask for, and how it compares."""
