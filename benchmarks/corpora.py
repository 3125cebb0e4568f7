"""The sets of files that the benchmarks run on, made once and kept."""

from __future__ import annotations

import base64
import random
from collections.abc import Callable
from pathlib import Path

import numpy as np
import tifffile

from demonstration.drawing import document, ledger_page, photograph, save_scan, srgb_profile

_KB = 1 << 10
_FOLDER_FILES = 1000


def large(folder: Path) -> None:
    """40 TIFFs of 50 MB."""
    pixels = np.random.default_rng(0)
    for number in range(40):
        page = pixels.integers(0, 255, (5_000, 3_495, 3), dtype=np.uint8)
        tifffile.imwrite(folder / f"{number:03d}.tif", page, photometric="rgb", resolution=(300, 300))


def middling(folder: Path) -> None:
    """2,000 texts of 50 KB."""
    _texts(folder, 2_000, 50 * _KB)


def small(folder: Path) -> None:
    """20,000 texts of 4 KB."""
    _texts(folder, 20_000, 4 * _KB)


def scans(folder: Path) -> None:
    """100 mixed scans: TIFF, JPEG, PNG, BMP, PDF."""
    profile = srgb_profile()
    for number in range(20):
        save_scan(photograph((1600, 1100), number / 20), folder / f"{number:03d}.tif", 300, profile)
        save_scan(photograph((1600, 1100), number / 20), folder / f"{number:03d}.jpg", 300, profile)
        save_scan(photograph((1200, 800), number / 20), folder / f"{number:03d}.png", 300)
        save_scan(ledger_page(number), folder / f"{number:03d}.bmp", 300)
        (folder / f"{number:03d}.pdf").write_bytes(document(4, f"File {number}"))


def many(folder: Path) -> None:
    """100,000 texts of 1 KB."""
    _texts(folder, 100_000, _KB)


CORPORA: dict[str, Callable[[Path], None]] = {
    "40 x 50 MB": large,
    "2,000 x 50 KB": middling,
    "20,000 x 4 KB": small,
    "100 scans": scans,
    "100,000 x 1 KB": many,
}


def made(name: str, folder: Path) -> Path:
    """Return the folder of the set ``name`` below ``folder``, made now where it is not there yet."""
    target = folder / name.replace(" ", "_").replace(",", "")
    if not target.exists():
        partial = target.with_name(f"{target.name}.part")
        partial.mkdir(parents=True)
        CORPORA[name](partial)
        partial.rename(target)
    return target


def _texts(folder: Path, count: int, size: int) -> None:
    """Write texts that do not compress below three quarters."""
    source = random.Random(count)  # noqa: S311  content for timing, no secret
    for number in range(count):
        below = folder / f"{number // _FOLDER_FILES:03d}"
        below.mkdir(exist_ok=True)
        text = base64.encodebytes(source.randbytes(size * 3 // 4))
        (below / f"{number:06d}.txt").write_bytes(text[:size])
