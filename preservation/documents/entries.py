"""What the dictionaries of a PDF's streams say (ISO 32000-1, 7.3.8, 7.4, 8.9.5), as pikepdf gives them."""

from typing import Any, Final, TypeAlias

from pikepdf import Array, Dictionary, Name, Stream

Entry: TypeAlias = Any
"""An object of pikepdf, or what it turns into a value of Python: its annotations know no such values."""

_WITH_ROW_FILTER: Final = 10
"""The predictors from here on are PNG's: each row has one byte more."""


def kind_of(found: Entry) -> str:
    """Return what a stream is, in words."""
    if found.get("/Subtype") == "/Image":
        return "an image"
    if found.get("/Subtype") == "/Form":
        return "a drawing"
    if found.get("/Type") in {"/EmbeddedFile", "/Metadata", "/ObjStm", "/XRef"}:
        return {
            "/EmbeddedFile": "an attached file", "/Metadata": "a packet of metadata",
            "/ObjStm": "a stream of objects", "/XRef": "the table of its objects",
        }[str(found.get("/Type"))]  # fmt: skip
    is_font = "/Length1" in found or found.get("/Subtype") in {"/Type1C", "/CIDFontType0C", "/OpenType"}
    if is_font:
        return "a font"
    return "a colour profile" if "/N" in found else "a stream"


def filters_of(found: Entry) -> list[str]:
    """Return how a stream is packed, the outermost first."""
    given = found.get("/Filter", found.get("/F"))
    if isinstance(given, Array):
        return [str(name) for name in given]
    return [str(given)] if isinstance(given, Name) else []


def parameters_of(found: Entry, count: int) -> list[Entry]:
    """Return the parameters of each of its ``count`` packings, ``None`` where there are none."""
    given = found.get("/DecodeParms", found.get("/DP"))
    several = [*given] if isinstance(given, Array) else [given]
    several = [one if isinstance(one, Dictionary) else None for one in several]
    return (several + [None] * count)[:count]


def values_of(parameters: Entry) -> dict[str, int]:
    """Return the numbers and the truths among parameters, by their names."""
    if parameters is None:
        return {}
    return {
        key.removeprefix("/"): int(value)
        for key, value in parameters.items()
        if isinstance(value, bool | int)
    }


def number_in(found: Entry, *keys: str) -> int:
    """Return the whole number under the first of ``keys`` that is there, 0 without one."""
    value = next((found.get(key) for key in keys if key in found), None)
    return value if isinstance(value, int) else 0


def holds_all_rows(image: Entry, size: int) -> bool:
    """Say whether an image without a coding of its own has data for every row; where unknown, it has."""
    columns, rows = number_in(image, "/Width", "/W"), number_in(image, "/Height", "/H")
    is_mask = image.get("/ImageMask", image.get("/IM")) is True
    bits = 1 if is_mask else number_in(image, "/BitsPerComponent", "/BPC")
    components = 1 if is_mask else _components(image.get("/ColorSpace", image.get("/CS")))
    row = (columns * bits * components + 7) // 8
    last = values_of(parameters_of(image, max(1, len(filters_of(image))))[-1])
    if last.get("Predictor", 1) >= _WITH_ROW_FILTER and len(filters_of(image)) == 1:
        row += 1
    return size > row * (rows - 1) or not row


def _components(space: Entry) -> int:
    """Return the number of components of a colour space; 0 where it is not known."""
    plain = {
        "/DeviceGray": 1, "/G": 1, "/CalGray": 1, "/Indexed": 1, "/I": 1, "/Separation": 1,
        "/DeviceRGB": 3, "/RGB": 3, "/CalRGB": 3, "/Lab": 3, "/DeviceCMYK": 4, "/CMYK": 4,
    }  # fmt: skip
    if isinstance(space, Array) and len(space):
        if space[0] == "/ICCBased" and isinstance(space[1], Stream):
            return number_in(space[1], "/N")
        if space[0] == "/DeviceN" and isinstance(space[1], Array):
            return len(space[1])
        return plain.get(str(space[0]), 0)
    return plain.get(str(space), 0) if isinstance(space, Name) else 0
