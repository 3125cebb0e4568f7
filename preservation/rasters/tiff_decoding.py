"""libtiff, listened to: of much damage it only warns, and goes on."""

import re
from typing import Any

import numpy as np
from imagecodecs import tiff_decode
from numpy.typing import NDArray

from preservation.errors import UnacceptableContentError
from preservation.rasters import overheard
from preservation.rasters.decoding import OVERWRITTEN, Buffer

_ABOUT_DATA = re.compile(
    r"Premature EO[LF]|Line length mismatch|Bad code|Fewer|Try to decode|Discarding|not terminated|[Cc]orrupt"
    r"|Not enough data|Uncompressed data|[Pp]remature end|extraneous"
)
"""What libtiff warns of in image data. Its warnings of unknown fields and the like say nothing of damage."""


def decode(content: Buffer, page: int, *, as_rgb: bool = False) -> NDArray[Any]:
    """Decode a page. Raises ``UnacceptableContentError`` where libtiff finds or remarks on damage."""
    with overheard.in_log("imagecodecs") as said:
        pixels = np.asarray(tiff_decode(content, page, asrgb=as_rgb, verbose=1))
    if any(_ABOUT_DATA.search(line) for line in said):
        raise UnacceptableContentError(OVERWRITTEN)
    return pixels
