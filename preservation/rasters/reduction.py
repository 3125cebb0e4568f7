"""Decoded samples made fewer, by averaging squares of them."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

_SQUARES_AT_ONCE = 32
"""Rows of squares: few, so that no second copy of a large picture is made."""
_MANY_ROWS = 4


def reduced(values: NDArray[Any], factor: int) -> NDArray[np.uint8]:
    """Return (rows, columns) or (rows, columns, bands) as 8 bits, made ``factor`` times fewer by averaging.

    Bits become 0 and 255; of 16 bits the upper eight count. Of squares of four rows and more, two rows stand
    for all: to read the others takes longer than all that is done with the result.
    """
    if factor == 1:
        return _eight_bits(values)
    whole = len(values) - len(values) % factor
    if factor < _MANY_ROWS or not whole:
        return _averaged(values, (factor, factor))
    first, second = (
        _averaged(values[row:whole:factor], (factor, 1)).astype(np.uint16)
        for row in (factor // 4, factor - 1 - factor // 4)
    )
    return ((first + second + 1) >> 1).astype(np.uint8)


def _averaged(values: NDArray[Any], square: tuple[int, int]) -> NDArray[np.uint8]:
    """Average squares of so many columns and rows."""
    step = square[1] * _SQUARES_AT_ONCE
    parts = [
        np.asarray(Image.fromarray(_eight_bits(values[at : at + step])).reduce(square))
        for at in range(0, len(values), step)
    ]
    return np.concatenate(parts)


def _eight_bits(values: NDArray[Any]) -> NDArray[np.uint8]:
    if values.dtype == np.bool_:
        return values.view(np.uint8) * np.uint8(255)
    if values.dtype.itemsize == 2:  # noqa: PLR2004  16 bits
        return (values >> 8).astype(np.uint8)
    return np.ascontiguousarray(values)
