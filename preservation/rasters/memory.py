"""Whether an image can be decoded at all: told from its own claims, before a byte is allocated."""

from __future__ import annotations

from PIL import Image

_GIB = 1 << 30
_HARMLESS = _GIB >> 2
_IMPLAUSIBLE_RATIO = 1000

_BYTES_PER_PIXEL = {"1": 1, "L": 1, "P": 1, "I;16": 2, "I;16B": 2, "I;16L": 2, "I;16N": 2}
"""What Pillow holds a pixel in; every other mode takes four bytes."""


class TooMuchError(Exception):
    """The image claims more pixels than memory can hold, or than its file can plausibly contain."""


class Room:
    """The ``memory`` in bytes that one decoded image may take, and the ``size`` of its file."""

    def __init__(self, memory: int, size: int) -> None:
        self._memory = memory
        self._size = size

    def require_for(self, image: Image.Image) -> None:
        """Raise ``TooMuchError`` where the frame that ``image`` stands at cannot be decoded in this room."""
        self.require(image.width, image.height, _BYTES_PER_PIXEL.get(image.mode, 4))

    def require(self, width: int, height: int, bytes_per_pixel: int) -> None:
        """Raise ``TooMuchError`` where that many pixels cannot be decoded in this room."""
        needed = width * height * bytes_per_pixel
        claim = f"it claims {width} x {height} pixels, {needed / _GIB:.1f} GiB when decoded"
        if needed > max(_HARMLESS, self._size * _IMPLAUSIBLE_RATIO):
            raise TooMuchError(f"{claim}, in a file of {self._size} bytes: a decompression bomb")
        if needed > self._memory:
            raise TooMuchError(f"{claim}, and {self._memory / _GIB:.1f} GiB may be used for that")
