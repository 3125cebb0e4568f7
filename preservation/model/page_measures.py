"""What was measured of the decoded picture of a page."""

from dataclasses import dataclass
from typing import Annotated

import msgspec

Look = Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{16}\Z")]
"""64 bits as hexadecimal digits: whatever a caged process says, nothing else is one."""

_Part = Annotated[float, msgspec.Meta(ge=0, le=1)]

Region = tuple[_Part, _Part, _Part, _Part]
"""Left, top, right and bottom of a rectangle in a picture, as parts of its width and height."""


@dataclass(frozen=True, slots=True)
class PageMeasures:
    """Measures of one page, all taken of one grey picture reduced to the same size. ``number`` is from 1.

    Each is ``None`` where it means nothing for the page. ``content``, ``shadows``, ``highlights`` and
    ``border`` are in per cent: pixels that differ from the paper around them; pixels that are black without
    any drawing; pixels that are white likewise; the widest dark stripe along an edge, of the page's width or
    height. ``skew`` is in degrees, ``edge_width`` in pixels of the reduced picture: how far the sharpest
    edges go from dark to light. ``look`` is a hash of the picture, 64 bits as hexadecimal digits, alike for
    pictures that look alike; ``signature`` is the picture in 32 rows of 32 grey levels, by which that is
    confirmed. ``shadows_at``, ``highlights_at`` and ``border_at`` are where these lie in the upright picture:
    most of the pixels, and the widest stripe.
    """

    number: int
    look: Look
    signature: bytes
    content: float | None = None
    shadows: float | None = None
    highlights: float | None = None
    skew: float | None = None
    edge_width: float | None = None
    border: float | None = None
    shadows_at: Region | None = None
    highlights_at: Region | None = None
    border_at: Region | None = None
