"""Reading a PREMIS record of ours again: of all that it says, the times of files. It is read as it comes."""

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from urllib.parse import unquote
from xml.parsers import expat

from preservation.model.locators import parse_locator
from preservation.model.paths import BagPath, bag_path
from preservation.premis.units import NAMESPACE, nanoseconds_of

_KIND = f"{NAMESPACE} objectIdentifierType"
_VALUE = f"{NAMESPACE} objectIdentifierValue"
_TIME = f"{NAMESPACE} dateCreatedByApplication"
_OBJECT = f"{NAMESPACE} object"
_LONGEST = 1 << 16


class NoRecordError(Exception):
    """What is read is no record of ours."""


class FileTimes:
    """The times of last change of the ``wanted`` files of a record, by their paths in the bag.

    Feed it the bytes; what follows the last of these files is not looked at. A record of 0.1.0 has no times.
    """

    def __init__(self, wanted: AbstractSet[BagPath]) -> None:
        self._wanted = wanted
        self._times: dict[BagPath, int] = {}
        self._unit: dict[str, str] = {}
        self._text: list[str] | None = None
        self._length = 0
        self._parser = expat.ParserCreate(namespace_separator=" ")
        self._parser.buffer_text = True
        self._parser.StartElementHandler = self._start
        self._parser.EndElementHandler = self._end
        self._parser.CharacterDataHandler = self._characters
        # Ours has no declarations; those of another one could make it expand without end.
        self._parser.StartDoctypeDeclHandler = self._refuse

    @property
    def times(self) -> Mapping[BagPath, int]:
        """Nanoseconds since 1970 (UTC)."""
        return self._times

    def feed(self, content: bytes | memoryview) -> None:
        """Read more of the record. Raises ``NoRecordError``."""
        if len(self._times) < len(self._wanted):
            self._parse(bytes(content), is_final=False)

    def end(self) -> None:
        """Read its end. Raises ``NoRecordError``."""
        if len(self._times) < len(self._wanted):
            self._parse(b"", is_final=True)

    def _parse(self, content: bytes, *, is_final: bool) -> None:
        try:
            self._parser.Parse(content, is_final)
        except expat.ExpatError as error:
            raise NoRecordError(str(error)) from error

    def _start(self, name: str, _: dict[str, str]) -> None:
        if name == _OBJECT:
            self._unit.clear()
        self._text = [] if name in {_KIND, _VALUE, _TIME} else None
        self._length = 0

    def _characters(self, text: str) -> None:
        if self._text is not None:
            self._length += len(text)
            self._text.append(text)
            if self._length > _LONGEST:
                self._text = None

    def _end(self, name: str) -> None:
        if self._text is not None:
            # An object has one identifier, or the first is the one.
            self._unit.setdefault(name, "".join(self._text))
            self._text = None
        elif name == _OBJECT:
            path = path_of(self._unit.get(_KIND, ""), self._unit.get(_VALUE, ""))
            modified = nanoseconds_of(self._unit.get(_TIME, ""))
            if path is not None and modified is not None and path in self._wanted:
                self._times[path] = modified

    def _refuse(self, *_: object) -> None:
        raise NoRecordError("it has a document type declaration")


def path_of(kind: str, value: str) -> BagPath | None:
    """Return the path of the file in its bag, ``None`` where it is no file of a package."""
    if kind == "Muniment URI":
        locator = parse_locator(value)
        return None if locator is None else locator.path
    try:
        # As 0.1.0 identified files.
        return bag_path(unquote(value, errors="strict")) if kind == "bag path" else None
    except ValueError:
        return None
