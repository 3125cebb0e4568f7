"""All of a PDF, as qpdf reads it by way of pikepdf: every object, and every stream to its end.

What its own checksums and its own grammar contradict is damage; what readers mend without loss is a remark.
"""

import re
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import BinaryIO, Final, TypeAlias

import pikepdf
from pikepdf import Array, Dictionary, Name, Object, Pdf, PdfError, Stream

from preservation.documents.embedded import EmbeddedParts
from preservation.documents.entries import (
    filters_of,
    holds_all_rows,
    kind_of,
    number_in,
    parameters_of,
    values_of,
)
from preservation.documents.lost import named_objects
from preservation.documents.uses import SEVERAL, ObjectKey, PageUses
from preservation.errors import UnacceptableContentError, reason_of
from preservation.model.events import Agent, AgentKind
from preservation.tools.work import NOT_ABOUT_CONTENT

QPDF = Agent(AgentKind.SOFTWARE, "qpdf", pikepdf.__libqpdf_version__)

_CODED: Final = {
    "/DCTDecode": "JPEG", "/DCT": "JPEG", "/JPXDecode": "JPEG 2000", "/CCITTFaxDecode": "CCITT fax",
    "/CCF": "CCITT fax", "/JBIG2Decode": "JBIG2",
}  # fmt: skip  # a table
_DEFLATE: Final = ("/FlateDecode", "/Fl")
_KNOWN: Final = frozenset({
    *_CODED, *_DEFLATE, "/LZWDecode", "/LZW", "/RunLengthDecode", "/RL", "/ASCII85Decode", "/A85",
    "/ASCIIHexDecode", "/AHx", "/Crypt",
})  # fmt: skip

_ALL_BUT_IMAGES: Final = pikepdf.StreamDecodeLevel.specialized
_STEP: Final = 1 << 20
_MOST_PARSED: Final = 64 << 20
"""So many bytes of what pages draw are read word by word; beyond, only their packing is checked."""
_MOST_FOLLOWED: Final = 2_000_000
_NAMED: Final = 5
_CONTROL: Final = re.compile(rb"[\x01-\x08\x0b\x0e-\x1f]")
_NO_MEMORY: Final = "std::bad_alloc"
_PLACE: Final = re.compile(r"^((stream )?<[^>]*>[:,]? ?)?(\(object \d+,\d+, offset \d+\): )?")
_MISCOUNTED: Final = re.compile(r"reported number of objects|object has offset 0")
"""What is wrong in the table of objects, and leads to none that is there."""
_OF_NO_WEIGHT: Final = re.compile(
    r"error decoding stream data|Resources is missing or invalid|xref entry for the xref stream itself is"
)
"""What is found here by itself, and what no reader minds."""


@dataclass(frozen=True, slots=True)
class EmbeddedImage:
    """An image in a PDF, packed as ``coding`` names it. ``parameters`` are those of its decoder."""

    coding: str
    data: bytes
    columns: int
    rows: int
    parameters: Mapping[str, int]


ImageFault: TypeAlias = Callable[[EmbeddedImage], str | None]
"""Decodes an image; says what is wrong with it. Raises ``NotImplementedError`` where it cannot look."""


@dataclass(slots=True)
class StreamFindings:
    """``damage`` is lost for whoever opens it, ``remarks`` is not, and ``unseen`` was not looked at.

    ``parts`` are the fonts and the files in it.
    """

    damage: list[str] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)
    unseen: dict[str, int] = field(default_factory=dict)
    parts: EmbeddedParts = field(default_factory=EmbeddedParts)
    is_mended: bool = False


def read_wholly(stream: BinaryIO, uses: PageUses, fault_of_image: ImageFault) -> StreamFindings:
    """Read every object and decode every stream.

    Raises ``UnacceptableContentError`` where qpdf cannot open it at all.
    """
    stream.seek(0)
    # Read, and never mapped into memory: of a file that is cut meanwhile, that would end the process.
    try:
        opened = pikepdf.open(
            stream,
            access_mode=pikepdf.AccessMode.stream,
            inherit_page_attributes=False,
            suppress_warnings=True,
        )
    except PdfError as error:
        raise UnacceptableContentError(f"qpdf cannot read it: {_plain(error)}") from error
    with opened as pdf:
        found = _Reading(pdf, uses, fault_of_image).findings()
        if found.is_mended:
            # A reference to nothing is allowed; in a file that had to be mended it is to what was lost.
            lost = [key[0] for key in named_objects(stream, _unpacked_objects(pdf)) if _is_lost(pdf, key)]
            named = ", ".join(map(str, lost[:_NAMED]))
            found.damage += [f"objects that it names are not there any more ({named})"] if lost else []
        return found


def _is_lost(pdf: Pdf, key: ObjectKey) -> bool:
    try:
        return pdf.get_object(key) is None
    except (PdfError, ValueError):
        return True


def _unpacked_objects(pdf: Pdf) -> Iterator[bytes]:
    for found in pdf.objects:
        if isinstance(found, Stream) and found.get("/Type") == "/ObjStm":
            with suppress(PdfError):
                yield found.read_bytes()


class _Reading:
    def __init__(self, pdf: Pdf, uses: PageUses, fault_of_image: ImageFault) -> None:
        self._pdf = pdf
        self._uses = uses
        self._fault_of_image = fault_of_image
        self._found = StreamFindings()
        self._damaged: dict[ObjectKey, str] = {}
        self._without_checksum: set[ObjectKey] = set()
        self._drawn_bytes = 0
        self._told = 0

    def findings(self) -> StreamFindings:
        self._name_what_forms_draw()
        for found in self._pdf.objects:
            self._found.parts.look_at(found)
            if isinstance(found, Stream):
                self._look_into(found)
        warned = self._warnings()
        self._found.remarks += [f"qpdf: {warning}" for warning in warned]
        self._weigh_damage()
        self._found.is_mended = any(not _MISCOUNTED.search(warning) for warning in warned)
        self._look_for_what_is_lost()
        self._parse_contents()
        return self._found

    def _name_what_forms_draw(self) -> None:
        drawn = self._uses.drawn
        waiting = list(drawn)
        while waiting:
            key = waiting.pop()
            form = self._at(key)
            if not isinstance(form, Stream):
                continue
            inner = _dictionary(_dictionary(form.get("/Resources"), "/XObject"))
            parts = [*inner.values()] if inner is not None else []
            parts += [mask for mask in (form.get("/SMask"), form.get("/Mask")) if isinstance(mask, Stream)]
            for part in parts:
                if isinstance(part, Stream) and part.is_indirect and part.objgen not in drawn:
                    drawn[part.objgen] = drawn[key]
                    waiting.append(part.objgen)

    def _at(self, key: ObjectKey) -> Object | None:
        try:
            return self._pdf.get_object(key)
        except (PdfError, ValueError):
            return None

    def _look_into(self, found: Stream) -> None:
        key = found.objgen
        try:
            fault = self._fault_of(found, key)
        except NotImplementedError as reason:
            self._found.unseen[str(reason)] = self._found.unseen.get(str(reason), 0) + 1
        except NOT_ABOUT_CONTENT:
            raise
        except Exception as error:  # noqa: BLE001  decoders raise whatever they like about damaged streams
            self._damaged[key] = _reason(error)
        else:
            if fault is not None:
                self._damaged[key] = fault

    def _fault_of(self, found: Stream, key: ObjectKey) -> str | None:
        filters = filters_of(found)
        unknown = [name for name in filters if name not in _KNOWN]
        if unknown:
            raise NotImplementedError(f"what is packed by {unknown[0].removeprefix('/')}")
        if not any(name in _DEFLATE for name in filters):
            self._without_checksum.add(key)
        if filters and filters[-1] in _CODED:
            return self._fault_of_image(self._image(found, filters))
        if filters and all(name in _DEFLATE for name in filters[:1]) and len(filters) == 1:
            size, fault = self._inflated(found.read_raw_bytes(), key)
        else:
            size, fault = len(found.read_bytes(_ALL_BUT_IMAGES)), None
        if key in self._uses.contents:
            self._drawn_bytes += size
        if fault is None and found.get("/Subtype") == "/Image" and not holds_all_rows(found, size):
            fault = "its data end before its last row"
        return fault

    def _inflated(self, packed: bytes, key: ObjectKey) -> tuple[int, str | None]:
        """Unpack without holding what comes out; return its size, and what is wrong with it."""
        if not packed.strip():
            return 0, None
        unpacking = zlib.decompressobj()
        size = 0
        try:
            while packed and not unpacking.eof:
                size += len(unpacking.decompress(packed, _STEP))
                packed = unpacking.unconsumed_tail
        except zlib.error as error:
            return size, _plain(error)
        if unpacking.eof:
            return size, None
        try:
            unpacking.decompress(bytes(4))
        except zlib.error:
            # All is there, and nothing shows whether it is as it was.
            self._found.remarks.append(f"the checksum of {self._named(key)} is missing")
            return size, None
        return size, "it ends in the middle of its data"

    def _image(self, found: Stream, filters: list[str]) -> EmbeddedImage:
        data = found.read_raw_bytes()
        parameters = parameters_of(found, len(filters))
        if len(filters) > 1:
            packed = Stream(self._pdf, data)
            packed["/Filter"] = Array([Name(name) for name in filters[:-1]])
            if any(given is not None for given in parameters[:-1]):
                packed["/DecodeParms"] = Array(parameters[:-1])
            data = packed.read_bytes(_ALL_BUT_IMAGES)
        return EmbeddedImage(
            _CODED[filters[-1]],
            data,
            number_in(found, "/Width", "/W"),
            number_in(found, "/Height", "/H"),
            values_of(parameters[-1]),
        )

    def _weigh_damage(self) -> None:
        known = {*self._uses.contents, *self._uses.drawn}
        reached: set[ObjectKey] | None = None
        for key, why in self._damaged.items():
            sentence = f"{self._named(key)} is damaged: {why}"
            if key not in known and self._is_frame(key):
                self._found.remarks.append(sentence)
                continue
            if key not in known and reached is None:
                reached = _reachable(self._pdf)
            is_used = key in known or reached is None or key in reached or self._holds_objects(key)
            (self._found.damage if is_used else self._found.remarks).append(sentence)

    def _is_frame(self, key: ObjectKey) -> bool:
        found = self._at(key)
        return isinstance(found, Stream) and found.get("/Type") == "/XRef"

    def _holds_objects(self, key: ObjectKey) -> bool:
        found = self._at(key)
        return isinstance(found, Stream) and found.get("/Type") == "/ObjStm"

    def _look_for_what_is_lost(self) -> None:
        lost = [(key, page, "its content") for key, page in self._uses.contents.items()]
        lost += [(key, page, "an image or a drawing") for key, page in self._uses.drawn.items()]
        for key, page, what in lost:
            if isinstance(self._at(key), Stream | Array | Dictionary):
                continue
            sentence = f"{_of_page(page)} names {what} that is not there (object {key[0]})"
            (self._found.damage if self._found.is_mended else self._found.remarks).append(sentence)

    def _parse_contents(self) -> None:
        if self._drawn_bytes > _MOST_PARSED:
            self._found.unseen["the words of what pages draw: there are too many"] = 1
            return
        pages = list(self._pdf.pages)
        self._found.remarks += [f"qpdf: {warning}" for warning in self._warnings()]
        for number, page in enumerate(pages, 1):
            streams = _content_streams(page.obj)
            if any(key in self._damaged for key in streams):
                continue
            fault = None
            try:
                page.parse_contents(_Discarding())
            except NOT_ABOUT_CONTENT:
                raise
            except Exception as error:  # noqa: BLE001  likewise
                fault = _reason(error)
            warned = self._warnings()
            if warned or fault:
                sentence = f"the content of page {number} is not as it should be: {fault or warned[0]}"
                # What is packed came out as it was put in, and text is what was written: so it was made.
                is_damage = any(key in self._without_checksum and self._is_garbled(key) for key in streams)
                (self._found.damage if is_damage else self._found.remarks).append(sentence)

    def _is_garbled(self, key: ObjectKey) -> bool:
        found = self._at(key)
        return isinstance(found, Stream) and _CONTROL.search(found.read_bytes(_ALL_BUT_IMAGES)) is not None

    def _warnings(self) -> list[str]:
        """Return what qpdf has warned of since it was asked last, but for damage that is found here."""
        warned = [_plain(warning) for warning in self._pdf.get_warnings()]
        return list(dict.fromkeys(one for one in warned if not _OF_NO_WEIGHT.search(one)))

    def _named(self, key: ObjectKey) -> str:
        if key in self._uses.contents:
            return f"the content of {_of_page(self._uses.contents[key])}"
        found = self._at(key)
        kind = kind_of(found) if isinstance(found, Stream) else "a stream"
        if key in self._uses.drawn:
            return f"{kind} of {_of_page(self._uses.drawn[key])}"
        return f"{kind} (object {key[0]})"


class _Discarding(pikepdf.StreamParser):
    """Takes the words of a content stream, which qpdf has read, and keeps none."""

    def handle_object(self, *_: object) -> None:
        """Pass it over."""

    def handle_eof(self) -> None:
        """Do nothing."""


def _of_page(number: int) -> str:
    return "several pages" if number == SEVERAL else f"page {number}"


def _dictionary(found: object, key: str = "") -> Dictionary | None:
    inner = found.get(key) if key and isinstance(found, Dictionary) else found
    return inner if isinstance(inner, Dictionary) else None


def _content_streams(page: Object) -> list[ObjectKey]:
    contents = page.get("/Contents")
    parts = [*contents] if isinstance(contents, Array) else [contents]
    return [part.objgen for part in parts if isinstance(part, Stream)]


def _reachable(pdf: Pdf) -> set[ObjectKey] | None:
    """Return what can be reached from the trailer; ``None`` where there is too much of it."""
    seen: set[ObjectKey] = set()
    waiting: list[object] = [pdf.trailer]
    followed = 0
    while waiting:
        found = waiting.pop()
        followed += 1
        if followed > _MOST_FOLLOWED:
            return None
        if not isinstance(found, Object):
            continue
        if found.is_indirect:
            if found.objgen in seen:
                continue
            seen.add(found.objgen)
        waiting.extend(_parts(found))
    return seen


def _parts(found: Object) -> Iterator[object]:
    if isinstance(found, Array):
        yield from found
    elif isinstance(found, Dictionary | Stream):
        # By their names they cannot be asked for: a name need be no text.
        yield from (value for _, value in found.items())


def _reason(error: Exception) -> str:
    if isinstance(error, UnicodeDecodeError):
        return "bytes in it are none that its packing knows"  # qpdf shows them, and they are no text
    return _plain(error) if isinstance(error, PdfError | zlib.error) else reason_of(error)


def _plain(warning: object) -> str:
    """Return what qpdf or zlib says without the name of the file and the place, which say nothing here.

    Raises ``MemoryError`` where qpdf says that there was not enough: this is no fault of the content.
    """
    text = " ".join(str(warning).split())
    if _NO_MEMORY in text:
        raise MemoryError(text)
    text = _PLACE.sub("", text)
    return text.removeprefix("Error -3 while decompressing data: ")
