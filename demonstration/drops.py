"""The drops of the demonstration: what goes right, and what goes wrong, with the end each must come to."""

from __future__ import annotations

import csv
import hashlib
import zipfile
from dataclasses import dataclass
from pathlib import Path

import bagit
from PIL import Image

from demonstration.drawing import document, ledger_page, map_sheet, photograph, save_scan, srgb_profile
from preservation.model.verdicts import Verdict


@dataclass(frozen=True, slots=True)
class Drop:
    """One drop, the collection it is for, and how it must end."""

    path: Path
    collection: str
    verdict: Verdict


def draw_drops(folder: Path) -> list[Drop]:
    """Draw all drops below ``folder``, which must not be there yet."""
    folder.mkdir(parents=True)
    return [
        Drop(_map(folder / "sheet-012"), "maps", Verdict.STORED),
        Drop(_album(folder / "album 1931"), "albums", Verdict.STORED),
        Drop(_ledger(folder / "ledger-1893"), "ledgers", Verdict.STORED),
        Drop(_zipped_bag(folder, "letters-1902"), "letters", Verdict.STORED),
        Drop(_truncated(folder / "truncated-scan"), "mishaps", Verdict.REJECTED),
        Drop(_wrong_digest(folder / "wrong-digest"), "mishaps", Verdict.REJECTED),
        Drop(_climbing_zip(folder / "climbing.zip"), "mishaps", Verdict.REJECTED),
        Drop(_unknown(folder / "unknown-format"), "mishaps", Verdict.WAITING),
    ]


def _map(drop: Path) -> Path:
    drop.mkdir()
    profile = srgb_profile()
    save_scan(map_sheet((2480, 3508), "SHEET 12 - RECTO"), drop / "sheet-012_recto.tif", 300, profile)
    save_scan(map_sheet((3400, 4400), "SHEET 12 - DETAIL"), drop / "sheet-012_detail.tif", 600, profile)
    with (drop / "metadata.csv").open("w", newline="", encoding="utf-8") as rows:
        table = csv.writer(rows)
        table.writerow(["filename", "dc.title", "dc.creator", "dc.date", "dc.language"])
        table.writerow([".", "Survey of the valley, sheet 12", "Royal Survey", "1893", "en"])
    _write_md5(drop, [path.name for path in sorted(drop.iterdir())])
    return drop


def _album(drop: Path) -> Path:
    drop.mkdir()
    size = (1200, 800)
    save_scan(photograph(size, 0.1), drop / "01 the valley in spring.jpg", 300, srgb_profile())
    # e + combining acute: the decomposed form in which some systems write names.
    save_scan(photograph(size, 0.3), drop / "02 cafe\u0301 de la gare.png", 300)
    save_scan(photograph(size, 0.5), drop / "03 \u5c71\u306e\u671d.bmp", 300)
    photograph(size, 0.7).quantize(64).save(drop / "04 evening.gif")
    save_scan(photograph(size, 0.9), drop / ".05 kept though its name begins with a dot.jpg", 300)
    long_name = "06 " + "a very long caption, as somebody typed it under the photograph " * 4
    save_scan(photograph(size, 1.0), drop / f"{long_name[:236]}.jpg", 300)
    return drop


def _ledger(drop: Path) -> Path:
    pages = drop / "pages"
    pages.mkdir(parents=True)
    for number in range(1, 13):
        save_scan(ledger_page(number), pages / f"ledger-1893_{number:03d}.tif", 300)
    (drop / "ledger-1893.pdf").write_bytes(document(12, "Ledger 1893"))
    return drop


def _zipped_bag(folder: Path, name: str) -> Path:
    bag = folder.parent / "drawing" / name
    bag.mkdir(parents=True)
    save_scan(photograph((900, 600), 0.4), bag / "letter_001.tif", 300)
    (bag / "letter_001.txt").write_text("Dear brother, the valley is green again.\n", encoding="utf-8")
    bagit.make_bag(str(bag), {"Source-Organization": "The studio next door"}, checksums=["sha256", "md5"])
    archive = folder / f"{name}.zip"
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as sink:
        for path in sorted(bag.rglob("*")):
            sink.write(path, f"{name}/{path.relative_to(bag)}")
    return archive


def _truncated(drop: Path) -> Path:
    drop.mkdir()
    save_scan(photograph((1200, 800), 0.2), drop / "page_001.tif", 300)
    save_scan(photograph((1200, 800), 0.6), drop / "page_002.tif", 300)
    whole = (drop / "page_002.tif").read_bytes()
    (drop / "page_002.tif").write_bytes(whole[: len(whole) // 2])
    return drop


def _wrong_digest(drop: Path) -> Path:
    drop.mkdir()
    save_scan(photograph((1200, 800), 0.8), drop / "page_001.tif", 300)
    _write_md5(drop, ["page_001.tif"])
    with Image.open(drop / "page_001.tif") as scan:
        touched = scan.copy()
    touched.putpixel((600, 400), (255, 0, 0))
    save_scan(touched, drop / "page_001.tif", 300)
    return drop


def _climbing_zip(archive: Path) -> Path:
    with zipfile.ZipFile(archive, "w") as sink:
        sink.writestr("letter.txt", "harmless\n")
        sink.writestr("../../outside.txt", "not harmless\n")
    return archive


def _unknown(drop: Path) -> Path:
    drop.mkdir()
    (drop / "capture.raw8").write_bytes(bytes((index * 97 + 31) % 251 for index in range(65_536)))
    return drop


def _write_md5(drop: Path, names: list[str]) -> None:
    lines = [
        f"{hashlib.md5((drop / name).read_bytes(), usedforsecurity=False).hexdigest()}  {name}"
        for name in names
    ]
    (drop / "checksums.md5").write_text("\n".join(lines) + "\n", encoding="utf-8")
