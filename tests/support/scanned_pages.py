"""Pages as scanners make them, drawn at run time: lines of words on paper with grain, and their faults."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageFilter

WIDTH, HEIGHT = 1500, 2000
_LINE, _WORD_HEIGHT = 50, 18


def page(seed: int = 1, *, lines: int = 32) -> Image.Image:
    """An upright page of text in grey, sharp, with a margin; another text for every ``seed``."""
    draw = np.random.default_rng(seed)
    paper = np.full((HEIGHT, WIDTH), 226.0)
    for line in range(lines):
        top, left = 180 + line * _LINE, 160
        end = 1340 if draw.random() > 0.25 else int(draw.integers(500, 1300))
        while left < end:
            width = int(draw.integers(20, 90))
            word = paper[top : top + _WORD_HEIGHT, left : left + width]
            # Strokes, not bars: columns of ink with gaps.
            word[:, draw.random(word.shape[1]) > 0.45] = 40
            left += width + 16
    return Image.fromarray((paper + draw.normal(0, 2.5, paper.shape)).clip(0, 255).astype("u1"))


def blank() -> Image.Image:
    """Paper with nothing on it."""
    return page(lines=0)


def turned(picture: Image.Image, degrees: float) -> Image.Image:
    """The page as it lies askew on the glass."""
    return picture.rotate(degrees, Image.Resampling.BICUBIC, fillcolor=226)


def blurred(picture: Image.Image) -> Image.Image:
    """The page out of focus."""
    return picture.filter(ImageFilter.GaussianBlur(5))


def uncropped(picture: Image.Image) -> Image.Image:
    """The page with the dark lid of the scanner at its left."""
    lid = np.random.default_rng(3).normal(14, 3, (HEIGHT, 120)).clip(0, 255).astype("u1")
    return Image.fromarray(np.concatenate([lid, np.asarray(picture)], axis=1))


def scanned_again(picture: Image.Image) -> Image.Image:
    """The same page, laid down a little otherwise, under light that is a little weaker, with other grain."""
    moved = np.roll(np.asarray(turned(picture, 0.3)).astype("f4"), (3, 4), (0, 1)) * 0.96
    return Image.fromarray(
        (moved + np.random.default_rng(9).normal(0, 3, moved.shape)).clip(0, 255).astype("u1")
    )


def overexposed(picture: Image.Image) -> Image.Image:
    """The page so bright that its paper is white."""
    return picture.point(lambda level: min(255, round(level * 1.2)))


def underexposed(picture: Image.Image) -> Image.Image:
    """The page with a large part that is black."""
    dark = np.array(picture)
    dark[1500:, 300:1300] = 0
    return Image.fromarray(dark)
