"""Access copies of images: a JPEG to be looked at on a screen, made to be remade."""

import io
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms

from preservation.errors import UnacceptableContentError
from preservation.model.decisions import ProofName
from preservation.model.derivatives import Proof
from preservation.normalization.calibrated_profile import profile_of
from preservation.rasters.decoders import PILLOW_JPEG
from preservation.rasters.decoding import reported_by
from preservation.rasters.losses import Concern
from preservation.rasters.pages import pictures_among
from preservation.rasters.pillow import UPRIGHT
from preservation.rasters.raster import Colour, Extra, Raster, Samples

_PROFILE_OF_MODE = {"L": b"GRAY", "RGB": b"RGB ", "CMYK": b"CMYK", "LAB": b"Lab "}
"""The colour space that an ICC profile must name (ICC.1 7.2.6) to fit a picture of each mode."""

_LONGEST_SIDE = 65_500
"""libjpeg's limit, in pixels."""


def write_screen_jpeg(raster: Raster, stream: BinaryIO, *, quality: int, long_edge: int | None) -> Proof:
    """Write a page as JPEG: upright, sRGB, on white, 8 bits, no side over ``long_edge`` pixels.

    It is the first that is no copy or mask of another. Nothing is proved but that it opens at its size; what
    was left out stands in the detail. Raises ``UnacceptableContentError`` where the samples have no agreed
    appearance.
    """
    shown = next(iter(pictures_among(raster)), 0)
    companions = raster.companions(shown)
    picture = _fitted(_on_white(raster.samples(shown)), long_edge)
    if max(picture.size) > _LONGEST_SIDE:
        raise UnacceptableContentError(
            f"no JPEG is longer than {_LONGEST_SIDE:,} pixels; give the rule a long_edge"
        )
    profile = companions.profile
    if companions.calibration is not None and picture.mode == "RGB":
        profile = profile_of(companions.calibration)
    picture, remark = _in_srgb(picture, profile)
    colours = [str(loss) for loss in companions.embedded.losses if loss.concern is Concern.COLOUR]
    if colours and profile is None:
        remark += f"; what it says of its colours was not applied: {'; '.join(colours)}"
    if companions.orientation in UPRIGHT:
        picture = picture.transpose(UPRIGHT[companions.orientation])
    with reported_by(PILLOW_JPEG, "write"):
        picture.save(stream, "JPEG", quality=quality)
    stream.flush()
    which = f"page {shown + 1}, the first that is no copy," if shown else "the first"
    pages = f"; {which} of {raster.page_count} pages" if raster.page_count > 1 else ""
    return _opens(stream, picture.size, pages + remark)


def _fitted(picture: Image.Image, long_edge: int | None) -> Image.Image:
    longest = max(picture.size)
    if long_edge is None or longest <= long_edge:
        return picture
    size = [max(1, round(side * long_edge / longest)) for side in picture.size]
    return picture.resize((size[0], size[1]), Image.Resampling.LANCZOS)


def _on_white(samples: Samples) -> Image.Image:
    values = _in_eight_bits(samples)
    bands = samples.colour.bands
    colour = values if not samples.extras else values[..., 0] if bands == 1 else values[..., :bands]
    extras = enumerate(samples.extras, bands)
    alpha = next((at for at, extra in extras if extra is not Extra.UNSPECIFIED), None)
    if samples.colour is Colour.LAB:
        return Image.fromarray(colour, "LAB")
    picture = Image.fromarray(colour, "CMYK" if samples.colour is Colour.CMYK else None)
    if alpha is None or samples.colour is Colour.CMYK:
        return picture
    if samples.extras[alpha - bands] is Extra.PREMULTIPLIED_ALPHA:
        lacking = np.uint8(255) - values[..., alpha]
        lit = colour + (lacking if bands == 1 else lacking[..., np.newaxis])
        return Image.fromarray(np.where(lit < colour, np.uint8(255), lit))
    ground = Image.new(picture.mode, picture.size, "white")
    ground.paste(picture, mask=Image.fromarray(np.ascontiguousarray(values[..., alpha])))
    return ground


def _in_eight_bits(samples: Samples) -> NDArray[Any]:
    values = samples.values
    if values.dtype == np.bool_:
        return values.astype(np.uint8) * np.uint8(255)
    if values.dtype == np.uint8:
        return values
    if values.dtype == np.uint16:
        return np.take(np.rint(np.arange(1 << 16) / 257).astype(np.uint8), values)
    raise UnacceptableContentError(f"there is no agreed way to show its samples on a screen ({samples})")


def _in_srgb(picture: Image.Image, profile: bytes | None) -> tuple[Image.Image, str]:
    if profile is None:
        return _without_profile(picture), ""
    if profile[16:20] != _PROFILE_OF_MODE[picture.mode]:
        return _without_profile(picture), "; its ICC profile does not fit its pixels and was not applied"
    try:
        return _converted(picture, ImageCms.ImageCmsProfile(io.BytesIO(profile))), ""
    except (ImageCms.PyCMSError, OSError):
        return _without_profile(picture), "; its ICC profile is damaged and was not applied"


def _without_profile(picture: Image.Image) -> Image.Image:
    if picture.mode == "LAB":
        return _converted(picture, ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")))
    return picture if picture.mode in {"L", "RGB"} else picture.convert("RGB")


def _converted(picture: Image.Image, source: ImageCms.ImageCmsProfile) -> Image.Image:
    converted = ImageCms.profileToProfile(picture, source, ImageCms.createProfile("sRGB"), outputMode="RGB")
    if converted is None:
        raise ImageCms.PyCMSError("nothing was converted")
    return converted


def _opens(stream: BinaryIO, size: tuple[int, int], remarks: str) -> Proof:
    stream.seek(0)
    with reported_by(PILLOW_JPEG):
        written = Image.open(stream, formats=["JPEG"])
        written.load()
    detail = f"{written.width} x {written.height} pixels{remarks}"
    return Proof(ProofName("opens"), written.size == size, detail)
