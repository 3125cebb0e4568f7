"""Images that a contract is held against: real files, made with what it asks about."""

from __future__ import annotations

import io
import struct
from typing import Any

import numpy as np
import tifffile
from PIL import Image, ImageCms

WIDTH, HEIGHT = 300, 200


def pixels() -> np.ndarray[Any, Any]:
    """RGB with gradients, so that it is neither blank nor uniform."""
    ramp = (np.add.outer(np.arange(HEIGHT), np.arange(WIDTH)) % 256).astype("u1")
    return np.stack([ramp, ramp[::-1], ramp // 2], -1)


def profile(name: str = "sRGB") -> bytes:
    """A whole ICC profile."""
    made = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB" if name == "Lab" else "sRGB"))
    return made.tobytes()


SRGB = profile()
SRGB_NAME = "sRGB built-in"


def tiff(samples: np.ndarray[Any, Any] | None = None, **options: Any) -> bytes:  # noqa: ANN401  tifffile's
    """A TIFF at 400 dpi with an sRGB profile and a scanner's tags, but for what ``options`` say otherwise."""
    sink = io.BytesIO()
    tags = [(271, "s", 0, "Phase One", True), (272, "s", 0, "iXG 100MP", True)]
    chosen = {
        "photometric": "rgb",
        "resolution": (400, 400),
        "resolutionunit": "INCH",
        "iccprofile": SRGB,
        "software": "Capture One 23",
        "datetime": "2026:05:01 10:00:00",
        "metadata": None,
        "extratags": tags,
        **options,
    }
    byteorder = chosen.pop("byteorder", "<")
    with tifffile.TiffWriter(sink, byteorder=byteorder) as writer:
        writer.write(pixels() if samples is None else samples, **chosen)
    return sink.getvalue()


def grey_tiff(**options: Any) -> bytes:  # noqa: ANN401  tifffile's
    """The same in grey."""
    return tiff(pixels()[..., 0], photometric="minisblack", **options)


def tiff_of_pages(*pages: dict[str, Any]) -> bytes:
    """A TIFF of several pages, each with options of its own; ``step`` makes one smaller."""
    sink = io.BytesIO()
    with tifffile.TiffWriter(sink) as writer:
        for options in pages:
            chosen = {"resolution": (400, 400), "resolutionunit": "INCH", "metadata": None, **options}
            step = chosen.pop("step", 1)
            writer.write(np.ascontiguousarray(pixels()[::step, ::step]), photometric="rgb", **chosen)
    return sink.getvalue()


def with_pillow(form: str, mode: str = "RGB", **options: Any) -> bytes:  # noqa: ANN401  Pillow's
    """The same picture in another form."""
    sink = io.BytesIO()
    Image.fromarray(pixels()).convert(mode).save(sink, form, **options)
    return sink.getvalue()


def photoshop_resources(number: int, content: bytes) -> bytes:
    """One of Photoshop's image resources."""
    return b"8BIM" + struct.pack(">HHI", number, 0, len(content)) + content + b"\0" * (len(content) % 2)


def resolution_resource(dpi: int) -> bytes:
    """The resource that states a resolution."""
    return photoshop_resources(0x03ED, struct.pack(">IHHIHH", dpi << 16, 1, 1, dpi << 16, 1, 1))
