"""Images of every kind that matters here, drawn small: real bytes in real formats."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import tifffile
from PIL import Image

WIDTH, HEIGHT = 400, 300


def drawn() -> Image.Image:
    """An RGB image with gradients and grain: no decoder can guess what is missing."""
    ramp = (np.add.outer(np.arange(HEIGHT), np.arange(WIDTH)) % 256).astype("u1")
    grain = np.random.default_rng(1).integers(0, 32, ramp.shape, dtype="u1")
    return Image.fromarray(np.stack([ramp, ramp[::-1], grain + ramp // 2], -1).astype("u1"))


def encoded(image: Image.Image, form: str, **options: Any) -> bytes:  # noqa: ANN401  whatever Pillow's save takes
    """The bytes of ``image`` in that Pillow format."""
    sink = io.BytesIO()
    image.save(sink, form, **options)
    return sink.getvalue()


def tiff_of(samples: np.ndarray[Any, Any], **options: Any) -> bytes:  # noqa: ANN401  whatever tifffile takes
    """The bytes of a TIFF with samples that Pillow may have no mode for."""
    sink = io.BytesIO()
    tifffile.imwrite(sink, samples, **options)
    return sink.getvalue()


def samples(*shape: int, kind: str = "u2") -> np.ndarray[Any, Any]:
    """Random samples of that kind."""
    return (np.random.default_rng(2).random(shape) * 60_000).astype(kind)


def images_of_many_kinds() -> dict[str, bytes]:
    """One small image of each form that people drop, by a name that tells form and extension."""
    image = drawn()
    turned = [image.rotate(90, expand=True), image.rotate(180)]
    bilevel = image.convert("1")
    palette = image.convert("P")
    return {
        "raw.tif": encoded(image, "TIFF"),
        "lzw.tif": encoded(image, "TIFF", compression="tiff_lzw"),
        "deflate.tif": encoded(image, "TIFF", compression="tiff_adobe_deflate"),
        "jpeg.tif": encoded(image, "TIFF", compression="jpeg"),
        "group4.tif": encoded(bilevel, "TIFF", compression="group4"),
        "packbits.tif": encoded(image, "TIFF", compression="packbits"),
        "pages.tif": encoded(image, "TIFF", compression="tiff_lzw", save_all=True, append_images=turned),
        "cmyk.tif": encoded(image.convert("CMYK"), "TIFF"),
        "rgb16.tif": tiff_of(samples(200, 300, 3), photometric="rgb", compression="lzw"),
        "big.tif": encoded(image, "TIFF", big_tiff=True),
        "float.tif": tiff_of(samples(200, 300, kind="f4"), compression="zstd"),
        "jp2-inside.tif": tiff_of(
            samples(256, 256, 3), photometric="rgb", compression="jpeg2000", tile=(128, 128)
        ),
        "baseline.jpg": encoded(image, "JPEG"),
        "progressive.jpg": encoded(image, "JPEG", progressive=True),
        "cmyk.jpg": encoded(image.convert("CMYK"), "JPEG"),
        "rgb.png": encoded(image, "PNG"),
        "grey16.png": encoded(Image.fromarray(samples(200, 300)), "PNG"),
        "animated.png": encoded(image, "PNG", save_all=True, append_images=[image.rotate(180)]),
        "still.gif": encoded(palette, "GIF"),
        "animated.gif": encoded(
            palette, "GIF", save_all=True, append_images=[image.rotate(180).convert("P")]
        ),
        "rgb.bmp": encoded(image, "BMP"),
        "reversible.jp2": encoded(image, "JPEG2000"),
        "irreversible.jp2": encoded(
            image, "JPEG2000", irreversible=True, quality_layers=[20], tile_size=(128, 128)
        ),
        "codestream.j2k": encoded(image, "JPEG2000", no_jp2=True),
        "lossy.webp": encoded(image, "WEBP"),
        "lossless.webp": encoded(image, "WEBP", lossless=True),
    }
