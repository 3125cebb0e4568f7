"""The files of a PREMIS record of ours, one by one: what it states of each, however many there are."""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import BinaryIO, Final
from xml.parsers import expat

from preservation.model.digests import Algorithm, Digests, algorithm_named, parse_digest
from preservation.model.formats import Puid, puid
from preservation.model.paths import BagPath
from preservation.premis.characteristics import UNDECIDED
from preservation.premis.reading import NoRecordError, path_of
from preservation.premis.units import NAMESPACE

_BLOCK: Final = 1 << 16
_LONGEST: Final = 1 << 16
"""Characters of one unit; what is longer is no unit that is read here."""

_OBJECT: Final = f"{NAMESPACE} object"
_KIND, _VALUE = (f"{NAMESPACE} objectIdentifier{part}" for part in ("Type", "Value"))
_ALGORITHM, _DIGEST = (f"{NAMESPACE} messageDigest{part}" for part in ("Algorithm", ""))
_SIZE, _FORMAT, _KEY, _NOTE = (
    f"{NAMESPACE} {name}" for name in ("size", "format", "formatRegistryKey", "formatNote")
)
_READ: Final = frozenset({_KIND, _VALUE, _ALGORITHM, _DIGEST, _SIZE, _KEY, _NOTE})


@dataclass(frozen=True, slots=True)
class RecordedFile:
    """What a record states of a file of the payload: ``size`` in bytes, ``puid`` where one was decided."""

    path: BagPath
    size: int
    digests: Digests
    puid: Puid | None


def recorded_files(record: BinaryIO) -> Iterator[RecordedFile]:
    """Yield the files of a record, in its order: each original, and after it what was made of it.

    Access copies are none of them: they lie outside of the package. Raises ``NoRecordError`` where it is no
    record of ours, has a document type declaration, or states no size or no digest of a file.
    """
    reader = _Reader()
    parser = expat.ParserCreate(namespace_separator=" ")
    parser.buffer_text = True
    parser.StartElementHandler = reader.start
    parser.EndElementHandler = reader.end
    parser.CharacterDataHandler = reader.characters
    # Ours has no declarations; those of another one could make it expand without end.
    parser.StartDoctypeDeclHandler = reader.refuse
    try:
        while block := record.read(_BLOCK):
            parser.Parse(block, False)  # noqa: FBT003  expat takes it by position alone
            while reader.found:
                yield reader.found.popleft()
        parser.Parse(b"", True)  # noqa: FBT003  likewise
    except (expat.ExpatError, ValueError) as error:
        raise NoRecordError(str(error)) from error


@dataclass(slots=True)
class _Unit:
    """The object that is being read."""

    kind: str = ""
    value: str = ""
    size: str = ""
    algorithm: Algorithm | None = None
    digests: dict[Algorithm, str] = field(default_factory=dict)
    formats: int = 0
    key: str = ""
    undecided: bool = False

    def file(self) -> RecordedFile | None:
        """Return the file that it is, ``None`` where it is another object. Raises ``ValueError``."""
        path = path_of(self.kind, self.value)
        if path is None or not path.startswith("data/"):
            return None
        digests = {algorithm: parse_digest(algorithm, text) for algorithm, text in self.digests.items()}
        if not digests:
            raise ValueError(f"it states no digest of {path}")
        decided = self.key and self.formats == 1 and not self.undecided
        return RecordedFile(path, int(self.size), digests, puid(self.key) if decided else None)


class _Reader:
    """Takes what the parser meets; ``found`` are the files that are complete."""

    def __init__(self) -> None:
        self.found: deque[RecordedFile] = deque()
        self._unit = _Unit()
        self._text: list[str] | None = None
        self._length = 0

    def start(self, name: str, _: dict[str, str]) -> None:
        if name == _OBJECT:
            self._unit = _Unit()
        elif name == _FORMAT:
            self._unit.formats += 1
        self._text = [] if name in _READ else None
        self._length = 0

    def characters(self, text: str) -> None:
        if self._text is not None:
            self._length += len(text)
            self._text.append(text)
            if self._length > _LONGEST:
                self._text = None

    def end(self, name: str) -> None:
        if self._text is not None:
            self._take(name, "".join(self._text))
            self._text = None
        elif name == _OBJECT and (file := self._unit.file()) is not None:
            self.found.append(file)

    def _take(self, name: str, text: str) -> None:
        unit = self._unit
        # An object has one identifier, or the first is the one.
        if name == _KIND:
            unit.kind = unit.kind or text
        elif name == _VALUE:
            unit.value = unit.value or text
        elif name == _SIZE:
            unit.size = unit.size or text
        elif name == _ALGORITHM:
            unit.algorithm = algorithm_named(text)
        elif name == _DIGEST and unit.algorithm is not None:
            unit.digests.setdefault(unit.algorithm, text)
        elif name == _KEY:
            unit.key = unit.key or text
        elif name == _NOTE:
            unit.undecided |= text == UNDECIDED

    def refuse(self, *_: object) -> None:
        raise ValueError("it has a document type declaration")
