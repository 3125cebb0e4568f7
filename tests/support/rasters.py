"""Draws rasters of every kind for tests, and converts them as a caged worker would."""

from __future__ import annotations

import io
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import tifffile
from numpy.typing import NDArray
from PIL import Image, ImageCms

from preservation.normalization.jobs import convert
from preservation.normalization.wire import Made
from preservation.policy.proofs import ProvableProof

ALL_PROOFS = tuple(ProvableProof)
PIXEL_LIMIT = 10_000_000


@dataclass(frozen=True)
class Conversion:
    """A source, what a job made of it, and what it said."""

    source: Path
    derivative: Path
    made: Made

    @property
    def failed(self) -> list[str]:
        return [proof.name for proof in self.made.proofs if not proof.holds]


def noise(*shape: int, kind: str = "u1", highest: int | None = None) -> NDArray[Any]:
    """Samples in which no two rows are alike, the same every time."""
    numbers = np.random.default_rng(sum(shape))
    if kind == "?":
        return numbers.integers(0, 2, shape).astype(np.bool_)
    if kind[0] == "f":
        return numbers.random(shape).astype(kind)
    top = np.iinfo(kind).max if highest is None else highest
    return numbers.integers(0, top, shape, endpoint=True, dtype=kind)


def saved(picture: Image.Image, format_name: str, **options: object) -> bytes:
    sink = io.BytesIO()
    picture.save(sink, format_name, **options)
    return sink.getvalue()


def tiff(values: NDArray[Any], **options: object) -> bytes:
    sink = io.BytesIO()
    tifffile.imwrite(sink, values, metadata=None, software=False, **options)
    return sink.getvalue()


@cache
def srgb_profile() -> bytes:
    """Once for all tests: LittleCMS writes the time into every profile that it makes."""
    return bytes(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())


def converted(
    folder: Path,
    source: bytes,
    migration: str,
    *,
    prove: tuple[str, ...] = ALL_PROOFS,
    pixel_limit: int = PIXEL_LIMIT,
    accept_loss: tuple[str, ...] = (),
    **options: str | int,
) -> Conversion:
    """Convert ``source`` without the cage. Raises what the job raises."""
    paths = folder / "source", folder / "derivative"
    paths[0].write_bytes(source)
    order = {
        "migration": {"name": migration, "options": options},
        "prove": prove,
        "pixel_limit": pixel_limit,
        "accept_loss": accept_loss,
    }
    with paths[0].open("rb") as given, paths[1].open("w+b") as taken:
        made = msgspec.convert(convert(order, [given], [taken]), Made)
    return Conversion(*paths, made)


UNLISTED = ("other:ppm", "other:tga")
"""Formats whose members beside pixels nothing looks at, so that every proof has to be told."""


def to_tiff(
    folder: Path,
    source: bytes,
    compression: str = "none",
    *,
    pixel_limit: int = PIXEL_LIMIT,
    accept_loss: tuple[str, ...] = (),
) -> Conversion:
    return converted(
        folder,
        source,
        "image-to-tiff",
        compression=compression,
        pixel_limit=pixel_limit,
        accept_loss=accept_loss,
    )


def to_jp2(folder: Path, source: bytes, *, accept_loss: tuple[str, ...] = ()) -> Conversion:
    return converted(folder, source, "image-to-jp2", accept_loss=accept_loss)


def to_jpeg(folder: Path, source: bytes, quality: int = 90, **more: int) -> Conversion:
    return converted(folder, source, "image-to-jpeg", quality=quality, prove=(), **more)
