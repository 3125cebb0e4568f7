"""Pictures and documents such as a digitization studio makes, drawn from nothing."""

from __future__ import annotations

import math
from io import BytesIO
from pathlib import Path

from PIL import Image, ImageCms, ImageDraw, ImageFont
from pypdf import PdfWriter
from pypdf.generic import DictionaryObject, NameObject, StreamObject

_PAPER = (244, 236, 218)
_INK = (52, 40, 30)
_WATER = (154, 190, 206)
_CONTOUR = (168, 116, 72)


def srgb_profile() -> bytes:
    """Return an sRGB ICC profile, as a scanner embeds it."""
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def map_sheet(size: tuple[int, int], title: str) -> Image.Image:
    """Draw a map sheet: contours, a river, a neat line and a title."""
    width, height = size
    sheet = Image.new("RGB", size, _PAPER)
    pen = ImageDraw.Draw(sheet)
    for level in range(14):
        points = []
        for step in range(120):
            angle = 2 * math.pi * step / 120
            reach = (0.04 + 0.028 * level) * (1 + 0.16 * math.sin(3 * angle + level / 3))
            points.append(
                (width * (0.55 + reach * math.cos(angle)), height * (0.42 + reach * math.sin(angle)))
            )
        pen.line([*points, points[0]], fill=_CONTOUR, width=max(2, width // 900))
    river = [
        (width * step / 60, height * (0.78 + 0.05 * math.sin(step / 5) + 0.02 * math.sin(step)))
        for step in range(61)
    ]
    pen.line(river, fill=_WATER, width=width // 40, joint="curve")
    for margin, line in ((0.03, 6), (0.04, 2)):
        pen.rectangle(
            (width * margin, width * margin, width * (1 - margin), height - width * margin),
            outline=_INK,
            width=max(1, width * line // 4000),
        )
    pen.text(
        (width / 2, height * 0.06), title, fill=_INK, font=ImageFont.load_default(width // 28), anchor="mt"
    )
    return sheet


def photograph(size: tuple[int, int], warmth: float) -> Image.Image:
    """Draw a landscape with a sun, a sky and hills, as an album holds it. ``warmth`` is from 0 to 1."""
    width, height = size
    sky = Image.linear_gradient("L").resize(size)
    picture = Image.merge(
        "RGB",
        (
            sky.point(lambda level: int(120 + 0.5 * level * warmth)),
            sky.point(lambda level: int(140 + 0.3 * level)),
            sky.point(lambda level: int(220 - 0.5 * level * warmth)),
        ),
    )
    pen = ImageDraw.Draw(picture)
    sun = width * (0.2 + 0.5 * warmth)
    pen.ellipse((sun, height * 0.15, sun + width * 0.14, height * 0.15 + width * 0.14), fill=(255, 236, 190))
    for ridge, shade in enumerate(((86, 110, 96), (60, 86, 70), (38, 58, 46))):
        crest = [
            (
                width * step / 40,
                height * (0.55 + 0.13 * ridge + 0.06 * math.sin(step / (2.5 + ridge) + ridge + 3 * warmth)),
            )
            for step in range(41)
        ]
        pen.polygon([(0, height), *crest, (width, height)], fill=shade)
    return picture


def ledger_page(number: int) -> Image.Image:
    """Draw one page of a ledger, 8-bit grey, A5 at 300 dpi."""
    page = Image.new("L", (1748, 2480), 238)
    pen = ImageDraw.Draw(page)
    font = ImageFont.load_default(34)
    pen.text(
        (1748 / 2, 120), f"Ledger 1893, folio {number}", fill=40, font=ImageFont.load_default(56), anchor="mm"
    )
    for row in range(38):
        top = 240 + row * 56
        pen.line((120, top + 46, 1628, top + 46), fill=170, width=2)
        pen.text(
            (140, top), f"{row + 1:02d}  {_ENTRIES[(row * 7 + number) % len(_ENTRIES)]}", fill=60, font=font
        )
        pen.text(
            (1600, top), f"{(row * 37 + number * 113) % 997}.{row % 10}0", fill=60, font=font, anchor="ra"
        )
    for column in (120, 1300, 1628):
        pen.line((column, 220, column, 2400), fill=150, width=3)
    return page


_ENTRIES = (
    "rope, 40 fathoms",
    "lamp oil",
    "flour, 3 sacks",
    "wages, week 12",
    "candles",
    "nails and tar",
    "salt",
)


def document(pages: int, title: str) -> bytes:
    """Return a PDF of ``pages`` pages with a text layer."""
    writer = PdfWriter()
    writer.add_metadata({"/Title": title})
    for number in range(1, pages + 1):
        page = writer.add_blank_page(width=420, height=595)
        text = StreamObject()
        lines = [f"{title}, page {number}"] + [
            f"{row + 1:02d}  {entry}" for row, entry in enumerate(_ENTRIES)
        ]
        shown = " ".join(f"({line}) Tj 0 -22 Td" for line in lines)
        text.set_data(f"BT /F1 14 Tf 50 540 Td {shown} ET".encode("latin-1"))
        page[NameObject("/Contents")] = writer._add_object(text)  # noqa: SLF001  pypdf's own way to add a stream
        font = DictionaryObject(
            {
                NameObject("/Type"): NameObject("/Font"),
                NameObject("/Subtype"): NameObject("/Type1"),
                NameObject("/BaseFont"): NameObject("/Helvetica"),
            }
        )
        page[NameObject("/Resources")] = DictionaryObject(
            {NameObject("/Font"): DictionaryObject({NameObject("/F1"): font})}
        )
    target = BytesIO()
    writer.write(target)
    return target.getvalue()


def save_scan(picture: Image.Image, path: Path, dpi: int, profile: bytes | None = None) -> None:
    """Save ``picture`` as a scanner does: with its resolution and, where there is one, its profile."""
    options = {} if profile is None else {"icc_profile": profile}
    picture.save(path, dpi=(dpi, dpi), **options)
