"""JPEG, decoded as strictly as its library can: what libjpeg-turbo only warns of is damage."""

import re

import numpy as np
import simplejpeg
from imagecodecs import jpeg_decode
from numpy.typing import NDArray

from preservation.errors import UnacceptableContentError
from preservation.rasters.decoding import OVERWRITTEN
from preservation.rasters.jpeg_segments import Content, segments_of

_NOT_SUPPORTED = re.compile(
    r"(?i)unsupported (?!marker)|not (supported|implemented)|could not determine|sorry"
)
"""But for an unsupported marker, which is where damage led to."""
_OTHER_PROCESS = "Unsupported JPEG process"
_HARMLESS = re.compile(r"(?i)JFIF revision|adobe color transform|invalid SOS parameters")
"""Warnings about words in headers that change no pixel."""
Pixels = NDArray[np.uint8]


def decode(content: Content, components: int, least: tuple[int, int] = (1, 1)) -> Pixels:
    """Decode all of a picture strictly, reduced to an eighth at the least; ``least`` are rows and columns.

    All of the entropy-coded data is decoded, whatever the size: damage shows there. Grey, RGB or CMYK.

    Raises:
        UnacceptableContentError: It is damaged.
        NotImplementedError: It is of a kind that this decoder cannot read.
    """
    colours = {1: "GRAY", 4: "CMYK"}.get(components, "RGB")
    try:
        return np.asarray(
            simplejpeg.decode_jpeg(content, colours, min_height=least[0], min_width=least[1], strict=True)
        )
    except ValueError as error:
        reason = str(error)
        if "nsufficient memory" in reason:
            raise MemoryError(reason) from error
        if _OTHER_PROCESS in reason and segments_of(content).is_everyday:
            # Its header says of which kind it is; in the midst of its data, nothing does.
            raise UnacceptableContentError(OVERWRITTEN) from error
        if _NOT_SUPPORTED.search(reason):
            raise NotImplementedError(reason) from error
        if not _HARMLESS.search(reason):
            raise UnacceptableContentError(sentence_of(reason)) from error
    return np.asarray(
        simplejpeg.decode_jpeg(content, colours, min_height=least[0], min_width=least[1], strict=False)
    )


def is_supported(content: Content) -> bool:
    """Say whether ``decode`` reads pictures of this header."""
    try:
        simplejpeg.decode_jpeg_header(content)
    except ValueError:
        return False
    return True


def decode_special(content: Content) -> NDArray[np.generic]:
    """Decode 12 bits, lossless JPEG and others that are no everyday kind; of what it warns is not heard."""
    return np.asarray(jpeg_decode(content))


def with_tables(content: bytes, tables: bytes) -> bytes:
    """Return a JPEG of its own from one of a TIFF's and the tables that all of them share."""
    return tables[:-2] + content[2:] if tables else content


def sentence_of(reason: str) -> str:
    """Say what a warning or an error of libjpeg-turbo means."""
    if "remature end of JPEG file" in reason:
        return "the file ends before the image does"
    return OVERWRITTEN
