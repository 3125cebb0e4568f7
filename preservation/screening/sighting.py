"""What is seen of an image while it is decoded, and how what decoders say of it is put to people."""

import math
import re
from dataclasses import dataclass, field

from PIL import Image, UnidentifiedImageError

from preservation.errors import PreservationError, reason_of
from preservation.model.page_measures import PageMeasures
from preservation.model.screening import ImageFacts
from preservation.screening import measures, thumbnails
from preservation.screening.programs import Decoder

ENDS_EARLY = "the file ends before the image does"
DAMAGED_DATA = "its image data is damaged"
_DAMAGED_HEADER = "its beginning is damaged, or is not that of such an image"


_MOST_MEASURED = 2000
"""Pages of one file: the report of a worker is no longer than its parent reads."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be made of a decoded picture, besides what is found out about it."""

    thumbnail: bool = False
    measures: bool = False

    def __bool__(self) -> bool:
        return self.thumbnail or self.measures

    def least(self, columns: int, rows: int) -> tuple[int, int]:
        """Return as how many rows and columns a picture of that size must at least be decoded."""
        enough = thumbnails.ENOUGH if self.thumbnail else 1
        if not self.measures:
            return enough, enough
        scale = min(1.0, measures.EDGE / max(columns, rows, 1))
        return tuple(max(enough, math.ceil(edge * scale)) for edge in (rows, columns))  # type: ignore[return-value]  # of two

    def factor(self, columns: int, rows: int) -> int:
        """Return by which whole number a picture may be reduced and is still large enough."""
        least = self.least(columns, rows)
        return max(1, min(rows // least[0], columns // least[1]))


@dataclass(slots=True)
class Sighting:
    """An image as far as it was seen. ``fault`` is of its first picture or the file, ``later`` of another.

    ``profile`` says in what its ICC profile is damaged, ``imperfect`` which rule it breaks and is whole all
    the same; ``notes`` are no faults. ``decoder`` is the program that was asked. ``shown`` is the page in
    the thumbnail.
    """

    facts: ImageFacts | None = None
    thumbnail: bytes = b""
    shown: int = 1
    fault: str | None = None
    later: str | None = None
    profile: str | None = None
    imperfect: str | None = None
    notes: list[str] = field(default_factory=list)
    decoder: Decoder = "pillow"
    wanted: Wanted = Wanted()
    measures: list[PageMeasures] = field(default_factory=list)
    unmeasured: int = 0

    def show(self, picture: Image.Image, orientation: int | None, number: int, *, kind: str = "") -> None:
        """Make of a decoded picture what is wanted: the thumbnail, if there is none yet, and the measures.

        ``number`` counts pages from 1; ``kind`` says ``bilevel`` of what was black and white before it was
        reduced.
        """
        if self.wanted.thumbnail and not self.thumbnail:
            self.thumbnail, self.shown = thumbnails.of(picture, orientation), number
        if self.wanted.measures:
            found = measures.of(
                picture, number, orientation, is_bilevel=kind == "bilevel" or picture.mode == "1"
            )
            if found is None or len(self.measures) == _MOST_MEASURED:
                self.unmeasured += 1
            else:
                self.measures.append(found)

    def blame(self, picture: int, fault: str) -> None:
        """Note a fault of a picture, counted from 0; the first one of each kind stays."""
        if picture == 0:
            self.fault = self.fault or fault
        else:
            self.later = self.later or f"picture {picture + 1}: {fault}"


_EARLY = (
    r"truncated|ends? (before|early)|unexpected end|\beof\b|premature|not enough|out of data|overrun"
    r"|incomplete|data stream is too short|ran out|read error|got \d+ bytes"
)
_BEGINNING = r"cannot identify image|not an? .* file|bad magic|signature|invalid header|bad header"
_SENTENCES = (
    (_EARLY, ENDS_EARLY),
    (_BEGINNING, _DAMAGED_HEADER),
    (r"crc|checksum|adler", f"{DAMAGED_DATA}: a checksum in it does not match"),
    (
        r"dimension|image size|width|height|pixels",
        "its beginning is damaged: it claims a size that no image has",
    ),
    (r"palette|colou?r ?map", "its table of colours is damaged"),
)
_WORDS = tuple((re.compile(pattern, re.IGNORECASE), sentence) for pattern, sentence in _SENTENCES)


def sentence_of(error: Exception) -> str:
    """Say what an error means to those who scanned the image; decoders speak to their programmers."""
    if isinstance(error, PreservationError):
        return reason_of(error)
    if isinstance(error, UnidentifiedImageError):
        return _DAMAGED_HEADER
    reason = reason_of(error)
    return next((sentence for pattern, sentence in _WORDS if pattern.search(reason)), DAMAGED_DATA)


_NOT_SUPPORTED = re.compile(
    r"(?i)unsupported|not supported|not implemented|unknown (compression|mode|pixel|raw)|cannot handle"
)


def bytes_behind(number: int, what: str = "") -> str:
    """Say that so many bytes lie behind the end of a picture; ``what`` may say what they are."""
    return f"has {number:,} bytes behind the end of its picture{what}; they are kept, and were not looked at"


def is_about_support(error: Exception) -> bool:
    """Say whether a decoder says that it cannot read such images, and nothing against this one."""
    return isinstance(error, NotImplementedError) or bool(_NOT_SUPPORTED.search(reason_of(error)))
