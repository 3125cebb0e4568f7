"""The sets of files that the benchmarks run on, made once and kept."""

from __future__ import annotations

import base64
import random
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tifffile
from numpy.typing import NDArray
from PIL import Image

from demonstration.drawing import document, ledger_page, photograph, save_scan, srgb_profile

_KB = 1 << 10
_FOLDER_FILES = 1000
_TINY = 3
"""Files in a tiny set, and rows of a tiny image."""


def _large(folder: Path, files: int) -> None:
    rows = 5_000 if files > _TINY else _TINY
    pixels = np.random.default_rng(0)
    for number in range(files):
        page = pixels.integers(0, 255, (rows, 3_495, 3), dtype=np.uint8)
        tifffile.imwrite(folder / f"{number:03d}.tif", page, photometric="rgb", resolution=(300, 300))


def _texts(size: int) -> Callable[[Path, int], None]:
    """Return what makes texts of ``size`` bytes that do not compress below three quarters."""

    def make(folder: Path, files: int) -> None:
        source = random.Random(files)  # noqa: S311  content for timing, no secret
        for number in range(files):
            below = folder / f"{number // _FOLDER_FILES:03d}"
            below.mkdir(exist_ok=True)
            text = base64.encodebytes(source.randbytes(size * 3 // 4))
            (below / f"{number:06d}.txt").write_bytes(text[:size])

    return make


def _scans(folder: Path, files: int) -> None:
    """TIFF, JPEG, PNG, BMP, PDF in equal parts."""
    profile = srgb_profile()
    for number in range(-(-files // 5)):
        save_scan(photograph((1600, 1100), number / 20), folder / f"{number:03d}.tif", 300, profile)
        save_scan(photograph((1600, 1100), number / 20), folder / f"{number:03d}.jpg", 300, profile)
        save_scan(photograph((1200, 800), number / 20), folder / f"{number:03d}.png", 300)
        save_scan(ledger_page(number), folder / f"{number:03d}.bmp", 300)
        (folder / f"{number:03d}.pdf").write_bytes(document(4, f"File {number}"))


def _drops(folder: Path, drops: int) -> None:
    """Folders, each of 10 texts of 100 KB."""
    source = random.Random(drops)  # noqa: S311  content for timing, no secret
    for number in range(drops):
        drop = folder / f"{number:03d}"
        drop.mkdir()
        for text in range(10):
            (drop / f"{text}.txt").write_bytes(base64.encodebytes(source.randbytes(75 * _KB)))


def _waiting_drops(folder: Path, drops: int) -> None:
    """Folders, each of 100 files of next to nothing: nobody reads them."""
    for number in range(drops):
        drop = folder / f"{number:04d}"
        drop.mkdir()
        for file in range(100):
            (drop / f"{file:02d}.tif").write_bytes(b"*")


def _pages(compression: str) -> Callable[[Path, int], None]:
    """Return what makes pages of 24 megapixels, ten different ones under as many names as are asked for.

    Text on paper with grain, so that no part is empty. The others are links: a thousand would take 70 GB.
    """

    def make(folder: Path, files: int) -> None:
        rows, columns = (6_000, 4_000) if files > _TINY else (600, 400)
        made: list[Path] = []
        for number in range(files):
            path = folder / f"{number:04d}{'.jpg' if compression == 'jpeg' else '.tif'}"
            if number < _DIFFERENT:
                _save_page(path, _page(rows, columns, number), compression)
                made.append(path)
            else:
                path.hardlink_to(made[number % _DIFFERENT])

    return make


_DIFFERENT = 10


def _page(rows: int, columns: int, number: int) -> NDArray[np.uint8]:
    draw = np.random.default_rng(number)
    page = np.full((rows, columns), 225, np.uint8)
    pitch, height = rows // 50, rows // 120
    for top in range(rows // 12, rows * 11 // 12, pitch):
        left = columns // 10
        while left < columns * 9 // 10:
            width = int(draw.integers(columns // 80, columns // 18))
            page[top : top + height, left : left + width] = 45
            left += width + columns // 90
    grained = page[..., None] + draw.integers(0, 7, (rows, columns, 3), dtype=np.uint8)
    return np.asarray(grained, dtype=np.uint8)


def _save_page(path: Path, page: NDArray[np.uint8], compression: str) -> None:
    if compression == "jpeg":
        Image.fromarray(page).save(path, quality=92, dpi=(400, 400))
        return
    tifffile.imwrite(
        path,
        page,
        photometric="rgb",
        compression=None if compression == "none" else compression,
        predictor=compression == "lzw",
        resolution=(400, 400),
        resolutionunit="INCH",
        rowsperstrip=64,
        metadata=None,
    )


_SETS: dict[str, tuple[Callable[[Path, int], None], int]] = {
    "40 x 50 MB": (_large, 40),
    "2,000 x 50 KB": (_texts(50 * _KB), 2_000),
    "20,000 x 4 KB": (_texts(4 * _KB), 20_000),
    "8 x 50 MB": (_large, 8),
    "1,000,000 x 100 bytes": (_texts(100), 1_000_000),
    "100 scans": (_scans, 100),
    "100,000 x 1 KB": (_texts(_KB), 100_000),
    "1,000 pages of 24 MP, LZW": (_pages("lzw"), 1_000),
    "1,000 pages of 24 MP, JPEG": (_pages("jpeg"), 1_000),
    "1,000 pages of 24 MP, uncompressed": (_pages("none"), 1_000),
    "200 drops of 10 x 100 KB": (_drops, 200),
    "100,000 files in 1,000 waiting drops": (_waiting_drops, 1_000),
}


@dataclass(frozen=True, slots=True)
class Corpora:
    """The sets below ``folder``; ``tiny`` ones have a few files each, and only try the harness."""

    folder: Path
    tiny: bool = False

    def made(self, name: str) -> Path:
        """Return the folder of the set ``name``, made now where it is not there yet."""
        make, files = _SETS[name]
        below = self.folder / "tiny" if self.tiny else self.folder
        target = below / name.replace(" ", "_").replace(",", "")
        if not target.exists():
            partial = target.with_name(f"{target.name}.part")
            partial.mkdir(parents=True)
            make(partial, _TINY if self.tiny else files)
            partial.rename(target)
        return target
