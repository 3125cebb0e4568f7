"""The sets of files that the benchmarks run on, made once and kept."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

from demonstration.drawing import document, ledger_page, photograph, save_scan, srgb_profile

_KB = 1 << 10
_MB = 1 << 20
_FOLDER_FILES = 1000


def large(folder: Path) -> None:
    """40 files of 50 MB."""
    _random_files(folder, 40, 50 * _MB)


def middling(folder: Path) -> None:
    """2,000 files of 50 KB."""
    _random_files(folder, 2_000, 50 * _KB)


def small(folder: Path) -> None:
    """20,000 files of 4 KB."""
    _random_files(folder, 20_000, 4 * _KB)


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
    """100,000 files of 1 KB."""
    _random_files(folder, 100_000, _KB)


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


def _random_files(folder: Path, count: int, size: int) -> None:
    """Write incompressible files that no engine takes for anything but text-free bytes."""
    source = random.Random(count)  # noqa: S311  content for timing, no secret
    for number in range(count):
        below = folder / f"{number // _FOLDER_FILES:03d}"
        below.mkdir(exist_ok=True)
        (below / f"{number:06d}.dat").write_bytes(source.randbytes(size))
