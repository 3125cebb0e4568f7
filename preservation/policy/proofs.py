"""The proofs that a rule can ask for. ``normalization.proofs.PROOFS`` has a way to make each of them."""

from enum import StrEnum


class ProvableProof(StrEnum):
    """What a derivative and its source can be compared in."""

    SAME_PIXELS = "same-pixels"
    SAME_PROFILE = "same-profile"
    SAME_RESOLUTION = "same-resolution"
    SAME_PAGE_COUNT = "same-page-count"
    SAME_EMBEDDED_METADATA = "same-embedded-metadata"
