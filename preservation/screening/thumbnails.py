"""A small picture for people's eyes: upright, in sRGB, JPEG."""

import io

import numpy as np
from PIL import Image, ImageCms

from preservation.rasters.pillow import UPRIGHT
from preservation.tools.work import NOT_ABOUT_CONTENT

_LONGEST_EDGE = 160
ENOUGH = 2 * _LONGEST_EDGE
"""So many pixels of the shorter side are enough to make a good small picture of."""
_QUALITY = 80
_SRGB = ImageCms.createProfile("sRGB")


def of(image: Image.Image, orientation: int | None) -> bytes:
    """Return a JPEG of a decoded image, at most 160 pixels long; empty where it cannot be shown.

    An image that cannot be shown is no worse for that: whatever goes wrong here says nothing of it.
    """
    try:
        picture = _reduced(image)
        if orientation in UPRIGHT:
            picture = picture.transpose(UPRIGHT[orientation])
        sink = io.BytesIO()
        _eight_bit_rgb(picture, image.info.get("icc_profile")).save(sink, "JPEG", quality=_QUALITY)
    except NOT_ABOUT_CONTENT:
        raise
    except Exception:  # noqa: BLE001  see above
        return b""
    return sink.getvalue()


def _reduced(image: Image.Image) -> Image.Image:
    """Return a small copy that still has the image's mode and colours, or RGB where it has a palette."""
    scale = _LONGEST_EDGE / max(image.size)
    if scale >= 1:
        return image.copy()
    size = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
    if image.mode in {"P", "1"}:
        # Indexes cannot be averaged; every nth pixel is first taken, so that what is averaged is small.
        step = max(1, max(image.size) // (4 * _LONGEST_EDGE))
        few = (max(1, image.width // step), max(1, image.height // step))
        thinned = image.resize(few, Image.Resampling.NEAREST)
        image = thinned.convert("RGBA" if "transparency" in image.info else "RGB")
    if image.mode.startswith("I;16"):
        return image.resize(size, Image.Resampling.NEAREST)
    return image.resize(size, Image.Resampling.BOX, reducing_gap=2.0)


def _eight_bit_rgb(picture: Image.Image, icc: bytes | None) -> Image.Image:
    if picture.mode in {"I", "F"} or picture.mode.startswith("I;16"):
        picture = _stretched(picture)
    if picture.mode in {"LA", "PA", "RGBA", "RGBa", "La"}:
        white = Image.new("RGBA", picture.size, "white")
        picture = Image.alpha_composite(white, picture.convert("RGBA")).convert("RGB")
    elif icc and picture.mode in {"RGB", "L", "CMYK", "LAB"}:
        picture = _in_srgb(picture, icc)
    return picture.convert("RGB")


def _stretched(picture: Image.Image) -> Image.Image:
    """Bring samples of more than eight bits to eight, from the darkest found to the lightest."""
    samples = np.nan_to_num(np.asarray(picture, dtype="f8"))
    darkest, lightest = samples.min(), samples.max()
    span = lightest - darkest or 1.0
    return Image.fromarray(((samples - darkest) / span * 255).astype("u1"))


def _in_srgb(picture: Image.Image, icc: bytes) -> Image.Image:
    try:
        converted = ImageCms.profileToProfile(picture, io.BytesIO(icc), _SRGB, outputMode="RGB")
    except (ImageCms.PyCMSError, OSError, ValueError):
        return picture
    return picture if converted is None else converted
