"""Drops to be killed over: many small ones in one run, or one large one; and what must be kept of them."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tifffile

from demonstration.drawing import document, photograph, save_scan, srgb_profile

Content = dict[str, str]
"""SHA-256 of each file, by its path in the drop."""


@dataclass(frozen=True)
class Drops:
    """``fit`` are to be kept, ``unfit`` sent back. ``changing`` is a fit one, to come again changed."""

    fit: tuple[Path, ...]
    changing: Path
    unfit: tuple[Path, ...] = ()

    def change(self) -> None:
        """Change a drop as people do: a page more, a page scanned again, a page gone, one renamed."""
        pages = sorted(self.changing.glob("*.tif"))
        pages[0].unlink()
        pages[1].rename(pages[1].with_name("renamed.tif"))
        save_scan(photograph((400, 300), 0.7), self.changing / "scanned again.bmp", 300)
        (self.changing / "note.txt").write_text("Page 1 was scanned again.\n")


def content_of(drop: Path) -> Content:
    """Read what a drop holds at this moment."""
    return {
        os.fspath(file.relative_to(drop)): hashlib.sha256(file.read_bytes()).hexdigest()
        for file in drop.rglob("*")
        if file.is_file()
    }


def small_drops(folder: Path, number: int) -> Drops:
    """Make ``number`` drops of a few files each, named for ``folder``, and one with a truncated scan."""
    fit = []
    for place in range(number):
        drop = folder / f"{folder.name}-{place:03d}"
        (drop / "über uns").mkdir(parents=True)
        for page in range(2):
            warmth = (2 * place + page) / (2 * number)
            save_scan(photograph((240, 160), warmth), drop / f"page {page}.tif", 300, srgb_profile())
        (drop / "über uns" / "note.txt").write_text(f"Sheet {place}, from the second box.\n" * 20)
        fit.append(drop)
    save_scan(photograph((240, 160), 0.5), fit[0] / "cover.bmp", 300)
    (fit[1] / "inventory.pdf").write_bytes(document(2, "Inventory"))
    unfit = folder / f"{folder.name}-cut-off"
    unfit.mkdir()
    save_scan(photograph((240, 160), 0.1), unfit / "page.tif", 300)
    os.truncate(unfit / "page.tif", 40_000)
    return Drops(tuple(fit), fit[0], (unfit,))


def large_drop(folder: Path, megabytes: tuple[int, ...]) -> Drops:
    """Make one drop of TIFFs of so many megabytes, and bitmaps to be made into TIFFs in caged processes."""
    drop = folder / f"{folder.name}-atlas"
    drop.mkdir(parents=True)
    noise = np.random.default_rng(7)
    for number, size in enumerate(megabytes):
        rows = size * 1_000_000 // (3 * 3000)
        page = noise.integers(0, 255, (rows, 3000, 3), dtype=np.uint8)
        tifffile.imwrite(drop / f"plate {number}.tif", page, photometric="rgb", resolution=(300, 300))
    for number in range(2):
        save_scan(photograph((3200, 2100), number / 2), drop / f"cover {number}.bmp", 300)
    (drop / "atlas.pdf").write_bytes(document(3, "Atlas"))
    return Drops((drop,), drop)
