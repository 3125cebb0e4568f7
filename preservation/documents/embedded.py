"""Fonts that a PDF lists and does not hold, and files that it holds (ISO 32000-1, 9.9; 7.11.4), by pikepdf.

Looked for in every object of the file, without a stream being read.
"""

from dataclasses import dataclass, field
from typing import Final

from pikepdf import Array, Dictionary, Stream

from preservation.documents.entries import Entry
from preservation.documents.uses import ObjectKey

_FONT_FILES: Final = ("/FontFile", "/FontFile2", "/FontFile3")
_MOST_NAMED: Final = 20
_LONGEST_NAME: Final = 100


@dataclass(slots=True)
class EmbeddedParts:
    """``absent_fonts`` names fonts that are listed and not there, the first twenty; ``files`` counts files.

    ``is_whole`` is false where an object could not be looked at.
    """

    absent_fonts: dict[str, None] = field(default_factory=dict)
    files: int = 0
    is_whole: bool = True
    _seen: set[ObjectKey] = field(default_factory=set)

    def look_at(self, found: object) -> None:
        """Look at one object of the file: at the fonts that it lists for drawing, and at a file in it."""
        if not isinstance(found, Dictionary | Stream):
            return
        try:
            self._look_at(found)
        except (AttributeError, IndexError, KeyError, RuntimeError, TypeError, ValueError):
            # What an object is not that pikepdf took it for: readers pass over it, and it may be a font.
            self.is_whole = False

    def _look_at(self, found: Entry) -> None:
        inner = found.get("/FS")
        if "/EF" in found or (isinstance(inner, Dictionary) and not inner.is_indirect and "/EF" in inner):
            self.files += 1
        resources = found.get("/Resources")
        fonts = resources.get("/Font") if isinstance(resources, Dictionary) else None
        for _, font in fonts.items() if isinstance(fonts, Dictionary) else ():
            if not isinstance(font, Dictionary):
                continue
            if font.is_indirect:
                if font.objgen in self._seen:
                    continue
                self._seen.add(font.objgen)
            if not _is_there(font) and len(self.absent_fonts) < _MOST_NAMED:
                self.absent_fonts[_name_of(font)] = None


def _is_there(font: Entry) -> bool:
    """Say whether a font is in the file: of a composite one, the font that has its shapes."""
    if font.get("/Subtype") == "/Type3":
        return True
    parts = font.get("/DescendantFonts")
    described = parts[0] if isinstance(parts, Array) and len(parts) else font
    descriptor = described.get("/FontDescriptor")
    return isinstance(descriptor, Dictionary) and any(
        isinstance(descriptor.get(key), Stream) for key in _FONT_FILES
    )


def _name_of(font: Entry) -> str:
    name = font.get("/BaseFont")
    return str(name).removeprefix("/")[:_LONGEST_NAME] if name is not None else "a font without a name"
