"""The job of a caged worker: make one derivative, and prove what was written.

A caged worker can import nothing once it is shut in: importing this module imports all that the job needs.
"""

import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from typing import BinaryIO, Final

import imagecodecs.imagecodecs
import msgspec
from PIL import Image

from preservation.documents.pdf import PYPDF
from preservation.errors import UnacceptableContentError
from preservation.model.decisions import MigrationName
from preservation.model.events import Agent
from preservation.model.screening import ImageFacts
from preservation.normalization.comparable_raster import ComparableRaster
from preservation.normalization.jp2_writing import write_lossless_jp2
from preservation.normalization.pdf_text import write_pdf_text
from preservation.normalization.proofs import prove
from preservation.normalization.screen_jpeg import write_screen_jpeg
from preservation.normalization.tiff_writing import write_tiff
from preservation.normalization.wire import MADE_AS, ConversionOrder, Made
from preservation.rasters.decoders import PILLOW_JPEG, TIFFFILE
from preservation.rasters.facts import facts_of, stored_in
from preservation.rasters.families import Family
from preservation.rasters.losses import REDUCED_COPY
from preservation.rasters.opening import open_for_converting, open_for_proving, open_for_showing
from preservation.rasters.pages import without_reduced_copies
from preservation.rasters.raster import Raster
from preservation.tools.work import Json

# These libraries import their parts at first use otherwise, which is too late.
Image.init()
imagecodecs.imagecodecs._load_all()  # noqa: SLF001  the alternative is to name some sixty codecs


def convert(arguments: Mapping[str, Json], inputs: Sequence[BinaryIO], outputs: Sequence[BinaryIO]) -> Json:
    """Make the derivative of ``inputs[0]`` in ``outputs[0]``: ``ConversionOrder`` in, ``Made`` out, as JSON.

    Raises ``UnacceptableContentError``, with the reason, where it cannot be made.
    """
    order = msgspec.convert(arguments, ConversionOrder)
    with _without_the_limit_of_pillow():
        made = MIGRATIONS[order.migration.name](order, inputs[0], outputs[0])
    return msgspec.to_builtins(made)


@contextmanager
def _without_the_limit_of_pillow() -> Iterator[None]:
    # It warns where ours refuses, in words, and before anything is decoded.
    limit, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
    try:
        yield
    finally:
        Image.MAX_IMAGE_PIXELS = limit


_FORMATS = {Family.TIFF: ("TIFF",), Family.JPEG_2000: ("JPEG2000",), Family.JPEG: ("JPEG",)}


def _kept(order: ConversionOrder, source: BinaryIO) -> Raster:
    raster = open_for_converting(source, order.pixel_limit)
    return without_reduced_copies(raster) if REDUCED_COPY in order.accept_loss else raster


def _to_tiff(order: ConversionOrder, source: BinaryIO, target: BinaryIO) -> Made:
    raster = _kept(order, source)
    format_name = write_tiff(raster, target, lzw=order.migration.options["compression"] == "lzw")
    return _proved(order, source, target, format_name, TIFFFILE)


def _to_jp2(order: ConversionOrder, source: BinaryIO, target: BinaryIO) -> Made:
    raster = _kept(order, source)
    return _proved(order, source, target, "JP2, lossless", write_lossless_jp2(raster, target))


def _to_jpeg(order: ConversionOrder, source: BinaryIO, target: BinaryIO) -> Made:
    options = order.migration.options
    long_edge = options.get("long_edge")
    proof = write_screen_jpeg(
        open_for_showing(source, order.pixel_limit),
        target,
        quality=int(options["quality"]),
        long_edge=int(long_edge) if long_edge is not None else None,
    )
    facts = _examined(target, order.migration.name, pages=1)
    return Made("JPEG", (proof,), PILLOW_JPEG, PILLOW_JPEG, facts=facts)


def _to_text(_: ConversionOrder, source: BinaryIO, target: BinaryIO) -> Made:
    return Made("plain text, UTF-8", (write_pdf_text(source, target),), PYPDF, None)


def _proved(order: ConversionOrder, source: BinaryIO, target: BinaryIO, written: str, encoder: Agent) -> Made:
    theirs = ComparableRaster(open_for_proving(source, order.pixel_limit), order.accept_loss)
    try:
        ours = ComparableRaster(open_for_proving(target, order.pixel_limit))
    except UnacceptableContentError as error:
        raise UnacceptableContentError(f"what was written of it does not open again: {error}") from error
    proofs = tuple(prove(name, theirs, ours) for name in order.prove)
    facts = _examined(target, order.migration.name, ours.part_count)
    return Made(written, proofs, encoder, ours.decoder, theirs.left_behind, facts)


def _examined(stream: BinaryIO, migration: MigrationName, pages: int) -> ImageFacts | None:
    """Examine what was written as any original is; ``None`` where no facts are known of such samples.

    Its structure was looked at when it was opened anew.
    """
    family = MADE_AS[migration]
    stored = stored_in(stream, family)
    stream.seek(0)
    with warnings.catch_warnings(), suppress(OSError, SyntaxError):
        warnings.simplefilter("ignore")
        with Image.open(stream, formats=_FORMATS[family]) as image:
            return replace(facts_of(image, family, stored), frames=pages)
    return None


MIGRATIONS: Final = {
    MigrationName("image-to-tiff"): _to_tiff,
    MigrationName("image-to-jp2"): _to_jp2,
    MigrationName("image-to-jpeg"): _to_jpeg,
    MigrationName("pdf-to-text"): _to_text,
}
"""Every migration that a policy can ask for, and what makes it."""
