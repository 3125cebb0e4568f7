"""Technical facts (unit 1.5.7): MIX 2.0 (ANSI/NISO Z39.87) for images, elements of our own for the rest.

They describe; what of them must not be lost is for the policy's proofs, not for ``significantProperties``.
``docs/package.md`` lists the elements of our own.
"""

from collections.abc import Iterator
from fractions import Fraction
from functools import lru_cache
from math import isfinite
from typing import Final

from preservation.model.screening import DocumentFacts, ImageFacts
from preservation.premis.units import leaf, optional_leaf, unit

OURS: Final = "urn:muniment:technical:1"
"""The namespace of the elements of our own."""

MIX: Final = "http://www.loc.gov/mix/v20"

_COLOURS = {
    "RGB": ("RGB", 3), "RGBA": ("RGB", 4), "RGBa": ("RGB", 4), "RGBX": ("RGB", 4), "CMYK": ("CMYK", 4),
    "YCbCr": ("YCbCr", 3), "LAB": ("CIELab", 3), "P": ("PaletteColor", 1),
}  # fmt: skip
"""MIX's word for the colour space of a decoder's mode, and the samples of a pixel; none for greys, of which
the mode does not say whether 0 is black."""

_GREYS = {"1": 1, "L": 1, "LA": 2, "La": 2, "I": 1, "I;16": 1, "I;16B": 1, "I;16L": 1, "I;16N": 1, "F": 1}

_ORIENTATIONS = (
    "normal*", "normal, image flipped", "normal, rotated 180°", "normal, image flipped, rotated 180°",
    "normal, image flipped, rotated cw 90°", "normal, rotated ccw 90°",
    "normal, image flipped, rotated ccw 90°", "normal, rotated cw 90°",
)  # fmt: skip
"""MIX's words for the values 1 to 8 of EXIF and TIFF."""

_FINEST = 1_000_000
_ANSWERS = {True: "yes", False: "no"}


def technical_facts(image: ImageFacts | None, document: DocumentFacts | None = None) -> str:
    """Return what was found out about a file, an ``objectCharacteristicsExtension`` for each schema."""
    of_image = "" if image is None else _of_image(image)
    return of_image if document is None else of_image + _of_document(document)


# The pages of a volume are much alike.
@lru_cache(maxsize=512)
def _of_image(image: ImageFacts) -> str:
    ours = _ours(("images", str(image.frames)), ("decodedAs", image.mode))
    return unit("objectCharacteristicsExtension", _mix(image)) + unit("objectCharacteristicsExtension", ours)


def _of_document(document: DocumentFacts) -> str:
    return unit("objectCharacteristicsExtension", _ours(*_document(document)))


def _document(document: DocumentFacts) -> Iterator[tuple[str, str]]:
    yield "pages", str(document.pages)
    yield "pdfVersion", document.version
    yield "hasText", _ANSWERS[document.has_text]
    yield "isEncrypted", _ANSWERS[document.encrypted]
    if document.claims is not None:
        yield "claims", document.claims


def _ours(*facts: tuple[str, str]) -> str:
    lines = (leaf(f"m:{name}", value) for name, value in facts)
    return f'<m:technical xmlns:m="{OURS}">\n{"".join(lines)}</m:technical>\n'


def _mix(image: ImageFacts) -> str:
    colour, samples = _COLOURS.get(image.mode, ("", _GREYS.get(image.mode, 0)))
    profile = _within("IccProfile", optional_leaf("mix:iccProfileName", image.profile or ""))
    return (
        f'<mix:mix xmlns:mix="{MIX}">\n'
        + _within(
            "BasicDigitalObjectInformation",
            _within("Compression", optional_leaf("mix:compressionScheme", image.compression)),
        )
        + _within(
            "BasicImageInformation",
            _within(
                "BasicImageCharacteristics",
                leaf("mix:imageWidth", str(image.width)),
                leaf("mix:imageHeight", str(image.height)),
                _within(
                    "PhotometricInterpretation",
                    optional_leaf("mix:colorSpace", colour),
                    _within("ColorProfile", profile),
                ),
            ),
        )
        + _within("ImageCaptureMetadata", optional_leaf("mix:orientation", _orientation(image.orientation)))
        + _within(
            "ImageAssessmentMetadata",
            _within("SpatialMetrics", _resolution(image.resolution)),
            _within(
                "ImageColorEncoding",
                _within(
                    "BitsPerSample",
                    leaf("mix:bitsPerSampleValue", str(image.bits)),
                    leaf("mix:bitsPerSampleUnit", "floating point" if image.mode == "F" else "integer"),
                ),
                optional_leaf("mix:samplesPerPixel", str(samples or "")),
            ),
        )
        + "</mix:mix>\n"
    )


def _within(name: str, *children: str) -> str:
    """Return an element of MIX around its children, nothing where there are none."""
    inner = "".join(children)
    return f"<mix:{name}>\n{inner}</mix:{name}>\n" if inner else ""


def _orientation(value: int | None) -> str:
    if value is None:
        return ""
    return _ORIENTATIONS[value - 1] if 1 <= value <= len(_ORIENTATIONS) else "unknown"


def _resolution(dots_per_inch: tuple[float, float] | None) -> str:
    if dots_per_inch is None or not all(isfinite(one) and one > 0 for one in dots_per_inch):
        return ""
    across, down = dots_per_inch
    return (
        leaf("mix:samplingFrequencyUnit", "in.")
        + _within("xSamplingFrequency", _ratio(across))
        + _within("ySamplingFrequency", _ratio(down))
    )


def _ratio(number: float) -> str:
    ratio = Fraction(number).limit_denominator(_FINEST)
    return leaf("mix:numerator", str(ratio.numerator)) + leaf("mix:denominator", str(ratio.denominator))
