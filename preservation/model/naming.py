"""Which names a place can hold. A name is never bent to fit: one that does not fit is reported."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class NameRules:
    """What a store's names may be. Lengths are in bytes of UTF-8; ``None`` means without limit.

    ``forbidden`` holds single characters. ``reserved`` holds whole segments in lower case (``con``,
    ``aux``), which the place takes for something else whatever their extension. Where
    ``folds_case`` or ``folds_normalization`` is true, names that differ only in case, or only in
    Unicode normalization, are one name to that place.
    """

    max_segment_bytes: int | None = 255
    max_path_bytes: int | None = None
    forbidden: frozenset[str] = frozenset()
    reserved: frozenset[str] = frozenset()
    folds_case: bool = False
    folds_normalization: bool = False
