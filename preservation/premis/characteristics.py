"""What a file is: formats (unit 1.5.4), inhibitors (1.5.6), a description (1.5.7), properties (1.4)."""

from collections.abc import Iterator
from functools import lru_cache

from preservation.model.descriptions import DescribedFile
from preservation.model.formats import FormatMatch, Identification
from preservation.model.screening import DocumentFacts, ImageFacts, ScreenedFile
from preservation.premis.dublin_core import dublin_core_element
from preservation.premis.units import controlled, leaf, optional_leaf, unit
from preservation.premis.vocabulary import ALL_CONTENT, PASSWORD_PROTECTION


def description(described: DescribedFile | None) -> str:
    """Return what a table says of a file, in Dublin Core, as an ``objectCharacteristicsExtension``."""
    if described is None or not described.statements:
        return ""
    return unit("objectCharacteristicsExtension", dublin_core_element(described.statements))


@lru_cache(maxsize=512)
def formats(identification: Identification) -> str:
    """Return a ``format`` unit for the decided format, or for each of those that it may be.

    Notes carry every engine's own account, also of those that were of another opinion.
    """
    described = (f"media type: {identification.mime}", *identification.warnings)
    if not identification.matches:
        return _format("unknown", "", "", ("no engine knows this format", *described))
    if identification.decided is None:
        return "".join(
            _format(match.name, match.version, match.puid, ("one of several possibilities", _account(match)))
            for match in identification.matches
        )
    accounts = tuple(_account(match) for match in identification.matches)
    decided = next(match for match in identification.matches if match.puid == identification.decided)
    return _format(decided.name, decided.version, decided.puid, (*accounts, *described))


def derivative_format(name: str) -> str:
    """Return a ``format`` unit for what an encoder says it wrote."""
    return _format(name, "", "", ("as the encoder names it",))


def inhibitors(screened: ScreenedFile | None) -> str:
    """Return an ``inhibitors`` unit where a document is encrypted, and nothing otherwise."""
    if screened is None or screened.document is None or not screened.document.encrypted:
        return ""
    return unit(
        "inhibitors",
        controlled("inhibitorType", PASSWORD_PROTECTION),
        controlled("inhibitorTarget", ALL_CONTENT),
    )


def significant_properties(screened: ScreenedFile | None) -> str:
    """Return what screening measured, one ``significantProperties`` unit each."""
    if screened is None:
        return ""
    facts = [
        *(_image_properties(screened.image) if screened.image is not None else ()),
        *(_document_properties(screened.document) if screened.document is not None else ()),
    ]
    return "".join(
        unit(
            "significantProperties",
            leaf("significantPropertiesType", kind),
            leaf("significantPropertiesValue", value),
        )
        for kind, value in facts
    )


def _image_properties(image: ImageFacts) -> Iterator[tuple[str, str]]:
    yield "image width in pixels", str(image.width)
    yield "image height in pixels", str(image.height)
    yield "number of images", str(image.frames)
    yield "bits per sample", str(image.bits)
    yield "colour mode", image.mode
    if image.compression:
        yield "compression", image.compression
    if image.resolution is not None:
        across, down = image.resolution
        yield "resolution in dots per inch", f"{across:g} x {down:g}"
    if image.profile is not None:
        yield "ICC profile", image.profile
    if image.orientation is not None:
        yield "EXIF orientation", str(image.orientation)


def _document_properties(document: DocumentFacts) -> Iterator[tuple[str, str]]:
    yield "number of pages", str(document.pages)
    yield "PDF version", document.version
    yield "has text", "yes" if document.has_text else "no"
    if document.claims is not None:
        yield "claims to be", document.claims


def _format(name: str, version: str, key: str, notes: tuple[str, ...]) -> str:
    registry = (
        unit("formatRegistry", leaf("formatRegistryName", "PRONOM"), leaf("formatRegistryKey", key))
        if key
        else ""
    )
    return unit(
        "format",
        unit("formatDesignation", leaf("formatName", name or key), optional_leaf("formatVersion", version)),
        registry,
        *(leaf("formatNote", note) for note in notes),
    )


def _account(match: FormatMatch) -> str:
    return f"{match.engine} says {match.puid}: {match.basis}"
