"""What can be measured of a picture once it is decoded: all of one small grey copy of it.

The copy is ``EDGE`` pixels long, whatever the resolution of the scan: so a measure means the same for every
page, and costs little beside decoding. Nothing here says whether a page is good; thresholds do.
"""

from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from preservation.model.page_measures import PageMeasures, Region
from preservation.tools.work import NOT_ABOUT_CONTENT

EDGE: Final = 1000
"""Pixels of the longer edge of the small grey picture."""

Grey: TypeAlias = NDArray[np.uint8]

_BLACK, _WHITE = 2, 253
"""Levels of the small picture up to which, and from which, nothing can be told apart any more."""

_PAPER_BLOCK = 24
"""Pixels over which paper is taken to be of one tone."""
_DIFFERS = 28
"""Levels by which ink differs from the paper around it."""
_STRAYS = 0.03
"""The part of clipped pixels at each side that is left out of the rectangle in which most of them lie."""
_MARGIN = 0.03
"""The part at each edge that is not looked at for content: shadows of the page's edge lie there."""

_DARK, _EVEN = 60, 22
"""A line of a dark stripe is darker than this on average, and its levels vary by less than that."""

_STEEPEST, _REACH, _CONTRAST = 5, 10, 50
"""An edge has a step of so many levels, and so many levels between dark and light within its reach."""
_EVERY = 4
_FEWEST_EDGES, _MOST_EDGES = 300, 4000
_SHARPEST = 0.1
"""The part of the edges, the sharpest, by which a page is judged: much of a sharp page is soft paper."""

_WIDEST_SKEW, _RANGE, _COARSE, _FINE, _BESIDE = 5.0, 8.0, 0.5, 0.1, 1.5
"""Degrees: what is found, what is looked through, in which steps, and how far beside it is less clear."""
_FEWEST_INK, _MOST_INK = 1500, 12_000
_CLEAR = 0.8
"""How much lines stand out at their angle, against how they do beside it and by chance."""

# Of EXIF's orientations: which sides of the stored picture change places before its sides do.
_MIRRORED = frozenset({2, 3, 7, 8})
_UPSIDE_DOWN = frozenset({3, 4, 6, 7})
_ON_ITS_SIDE = frozenset({5, 6, 7, 8})

_HASH, _SIGNATURE = (9, 8), (32, 32)


def of(
    picture: Image.Image, number: int, orientation: int | None = None, *, is_bilevel: bool
) -> PageMeasures | None:
    """Return the measures of a decoded page, counted from 1; ``None`` where it cannot be measured.

    ``orientation`` is EXIF's: it is not upright yet.

    Of pictures that are black and white by nature, clipping and focus are not measured. What goes wrong here
    says nothing of the image.
    """
    try:
        grey = grey_of(picture)
        if grey is None or min(grey.shape) < 2 * _REACH:
            return None
        ink = _ink(grey)
        left, top, right, bottom = _stripes(grey)
        rows, columns = grey.shape
        border, border_at = _widest(left / columns, top / rows, right / columns, bottom / rows)
        inner = (slice(top, rows - bottom), slice(left, columns - right))
        black, white = (np.zeros_like(grey, np.bool_) for _ in range(2))
        black[inner], white[inner] = grey[inner] <= _BLACK, grey[inner] >= _WHITE
        return PageMeasures(
            number,
            look=f"{_look(grey):016x}",
            signature=_signature(grey),
            content=_content(ink[inner]),
            shadows=None if is_bilevel else _per_cent(black[inner]),
            highlights=None if is_bilevel else _per_cent(white[inner]),
            skew=_skew(ink[inner]),
            edge_width=None if is_bilevel else _edge_width(grey),
            border=border,
            shadows_at=None if is_bilevel else upright(_where(black), orientation),
            highlights_at=None if is_bilevel else upright(_where(white), orientation),
            border_at=upright(border_at, orientation),
        )
    except NOT_ABOUT_CONTENT:
        raise
    except Exception:  # noqa: BLE001  see above
        return None


def grey_of(picture: Image.Image) -> Grey | None:
    """Return the small grey picture, rows and columns; ``None`` of pictures that have no grey."""
    if picture.mode.startswith("I;16"):
        picture = Image.fromarray((np.asarray(picture) >> 8).astype(np.uint8))
    elif picture.mode in {"I", "F"}:
        return None
    elif picture.mode == "LAB":
        picture = picture.getchannel(0)
    elif picture.mode == "1":
        picture = picture.convert("L")
    elif picture.mode in {"P", "PA"}:
        picture = picture.convert("RGB")
    factor = max(picture.size) // EDGE
    if factor > 1:
        picture = picture.reduce(factor)
    picture = picture.convert("L")
    scale = EDGE / max(picture.size)
    if scale < 1:
        size = (max(1, round(picture.width * scale)), max(1, round(picture.height * scale)))
        picture = picture.resize(size, Image.Resampling.HAMMING)
    return np.asarray(picture)


def _ink(grey: Grey) -> NDArray[np.bool_]:
    """Return which pixels differ from the paper around them: the light quarter of small blocks is paper."""
    rows, columns = grey.shape
    block = min(_PAPER_BLOCK, rows, columns)
    down, across = rows // block, columns // block
    few = grey[: down * block, : across * block].reshape(down, block, across, block)[:, ::3, :, ::3]
    blocks = np.ascontiguousarray(few.transpose(0, 2, 1, 3)).reshape(down, across, -1)
    light = blocks.shape[2] * 3 // 4
    paper = Image.fromarray(np.partition(blocks, light, axis=2)[..., light]).filter(
        ImageFilter.MedianFilter(5)
    )
    around = np.asarray(paper.resize((columns, rows), Image.Resampling.BILINEAR), dtype=np.int16)
    return np.asarray(np.abs(grey - around) > _DIFFERS)


def _stripes(grey: Grey) -> tuple[int, int, int, int]:
    """Return how wide dark stripes are at the left, top, right and bottom."""
    rows, columns = grey.shape
    down, across = grey[:, columns // 20 : columns - columns // 20], grey[rows // 20 : rows - rows // 20]
    widths = []
    for lines in (across.T, down, across.T[::-1], down[::-1]):
        few = lines[: len(lines) // 2, ::2].astype(np.float32)
        is_dark = (few.mean(axis=1) < _DARK) & (few.std(axis=1) < _EVEN)
        widths.append(int(np.argmin(is_dark)) if not is_dark.all() else len(is_dark))
    left, top, right, bottom = widths
    return left, top, right, bottom


def _widest(left: float, top: float, right: float, bottom: float) -> tuple[float, Region | None]:
    """Return how wide the widest of the stripes is, in per cent, and where it lies."""
    widest = max(left, top, right, bottom)
    if not widest:
        return 0.0, None
    places = {
        left: (0.0, 0.0, left, 1.0),
        top: (0.0, 0.0, 1.0, top),
        right: (1 - right, 0.0, 1.0, 1.0),
        bottom: (0.0, 1 - bottom, 1.0, 1.0),
    }
    return round(100 * widest, 2), places[widest]


def _where(found: NDArray[np.bool_]) -> Region | None:
    """Return the rectangle in which most of them lie, without the strays; ``None`` where there are none."""
    top, bottom = _most(found.sum(axis=1))
    left, right = _most(found.sum(axis=0))
    return (left, top, right, bottom) if right else None


def _most(counts: NDArray[Any]) -> tuple[float, float]:
    """Return between which parts of a line most of what was counted along it lies; zeros for nothing."""
    so_far = np.cumsum(counts)
    if not so_far[-1]:
        return 0.0, 0.0
    first, last = np.searchsorted(so_far, so_far[-1] * np.array([_STRAYS, 1 - _STRAYS]))
    return round(float(first / len(counts)), 4), round(float((last + 1) / len(counts)), 4)


def _content(ink: NDArray[np.bool_]) -> float | None:
    rows, columns = ink.shape
    margin = round(_MARGIN * max(rows, columns))
    inner = ink[margin : rows - margin, margin : columns - margin]
    return _per_cent(inner) if inner.size else None


def upright(region: Region | None, orientation: int | None) -> Region | None:
    """Return where a region of the stored picture lies once that is turned by its EXIF orientation."""
    if region is None:
        return None
    left, top, right, bottom = region
    if orientation in _MIRRORED:
        left, right = 1 - right, 1 - left
    if orientation in _UPSIDE_DOWN:
        top, bottom = 1 - bottom, 1 - top
    return (top, left, bottom, right) if orientation in _ON_ITS_SIDE else (left, top, right, bottom)


def _per_cent(found: NDArray[np.bool_]) -> float | None:
    return round(100 * float(np.count_nonzero(found)) / found.size, 3) if found.size else None


def _edge_width(grey: Grey) -> float | None:
    """Return over how many pixels the sharpest edges go from dark to light; ``None`` with too few edges."""
    if max(grey.shape) < EDGE:
        return None  # it would be compared with larger pictures
    widths = np.concatenate([_widths_along(grey[::_EVERY]), _widths_along(grey.T[::_EVERY])])
    if len(widths) < _FEWEST_EDGES:
        return None
    return round(float(np.quantile(widths, _SHARPEST)), 2)


def _widths_along(lines: NDArray[Any]) -> NDArray[np.float32]:
    values = np.ascontiguousarray(lines).astype(np.int16)
    steps = np.abs(np.diff(values, axis=1))
    middle = steps[:, _REACH:-_REACH]
    before, after = steps[:, _REACH - 1 : -_REACH - 1], steps[:, _REACH + 1 : steps.shape[1] - _REACH + 1]
    line, at = np.nonzero((middle >= _STEEPEST) & (middle >= before) & (middle > after))
    every = max(1, len(line) // _MOST_EDGES)
    line, at = line[::every], at[::every]
    if not len(line):
        return np.empty(0, np.float32)
    around = at[:, None] + np.arange(2 * _REACH + 1)
    windows = values[line[:, None], around]
    contrast = windows.max(axis=1) - windows.min(axis=1)
    is_edge = contrast >= _CONTRAST
    return np.asarray(contrast[is_edge] / middle[line, at][is_edge], np.float32)


def _skew(ink: NDArray[np.bool_]) -> float | None:
    """Return by how many degrees lines of text are turned; ``None`` where nothing shows it.

    The right angle is the one along which ink gathers in lines; columns of writing are tried likewise.
    """
    rows, columns = np.nonzero(ink)
    if len(rows) < _FEWEST_INK:
        return None
    every = -(-len(rows) // _MOST_INK)
    down, across = rows[::every].astype(np.float32), columns[::every].astype(np.float32)
    angle, clearness = max(_angle(down, across), _angle(across, -down), key=lambda found: found[1])
    return round(angle, 2) if clearness >= _CLEAR and abs(angle) <= _WIDEST_SKEW else None


def _angle(across_lines: NDArray[np.float32], along_lines: NDArray[np.float32]) -> tuple[float, float]:
    """Return the angle at which lines are clearest, and how much clearer than a little beside it."""
    coarse = np.arange(-_RANGE, _RANGE + _COARSE / 2, _COARSE)
    scores = [_clearness(across_lines, along_lines, angle) for angle in coarse]
    best = float(coarse[int(np.argmax(scores))])
    fine = best + np.arange(-_COARSE, _COARSE + _FINE / 2, _FINE)
    finer = [_clearness(across_lines, along_lines, angle) for angle in fine]
    angle = float(fine[int(np.argmax(finer))])
    beside = np.abs(np.abs(coarse - angle) - _BESIDE) <= _COARSE
    return angle, max(finer) / (float(np.mean(np.array(scores)[beside])) + 2 * len(across_lines))


def _clearness(across_lines: NDArray[np.float32], along_lines: NDArray[np.float32], degrees: float) -> float:
    places = across_lines - along_lines * np.float32(np.tan(np.radians(degrees)))
    profile = np.bincount((places - places.min()).astype(np.intp)).astype(np.float64)
    # Ink that is strewn at random has differences too: twice as many as there are points.
    return max(0.0, float(np.square(np.diff(profile)).sum()) - 2 * len(places))


def _look(grey: Grey) -> int:
    """Return the difference hash: of each of 64 places, whether it is lighter than the one to its right."""
    small = np.asarray(Image.fromarray(grey).resize(_HASH, Image.Resampling.BOX), dtype=np.int16)
    return int.from_bytes(np.packbits(small[:, :-1] > small[:, 1:]).tobytes())


def _signature(grey: Grey) -> bytes:
    """Return the picture as 32 rows of 32 grey levels."""
    return np.asarray(Image.fromarray(grey).resize(_SIGNATURE, Image.Resampling.BOX)).tobytes()
