"""The job that examines one PDF, in a caged worker: its frame, its pages, what it claims to be.

It does not validate: "claims PDF/A-2b" is all that is known without a validator.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import BinaryIO

import msgspec
from pypdf import PasswordType, PdfReader
from pypdf.errors import PdfReadError
from pypdf.generic import ArrayObject, DictionaryObject, IndirectObject, NumberObject, StreamObject

from preservation.documents.pdf import resolved
from preservation.errors import reason_of
from preservation.model.screening import DocumentFacts
from preservation.screening.pdf_actions import ActionSearch
from preservation.screening.pdf_permissions import withheld_by
from preservation.screening.reports import DocumentReport
from preservation.tools.work import NOT_ABOUT_CONTENT, Json

_MOST_PAGES = 200_000
_PAGES_SEARCHED_FOR_TEXT = 5
_TAIL_BYTES = 2048
_HEAD_BYTES = 1024

_HEADER = re.compile(rb"%PDF-(\d\.\d)")
_SHOWS_TEXT = re.compile(rb"T[jJ]\b|['\"]\s")
_CLAIMED_PART = re.compile(r"""pdfaid:part\s*(?:=\s*["']|>)\s*(\d)""")
_CLAIMED_LEVEL = re.compile(r"""pdfaid:conformance\s*(?:=\s*["']|>)\s*([A-Za-z])""")


def examine(_: Mapping[str, Json], inputs: Sequence[BinaryIO], __: Sequence[BinaryIO]) -> Json:
    """Examine the one input: strictly first, then as leniently as readers do."""
    stream = inputs[0]
    try:
        report = _read(stream, strict=True)
    except NOT_ABOUT_CONTENT:
        raise
    except Exception as error:  # noqa: BLE001  a damaged PDF makes pypdf raise whatever happens to come
        report = _read_leniently(stream, _reason(error))
    return msgspec.to_builtins(msgspec.structs.replace(report, fault=_fault_of_frame(stream) or report.fault))


def _read_leniently(stream: BinaryIO, remark: str) -> DocumentReport:
    try:
        report = _read(stream, strict=False)
    except NOT_ABOUT_CONTENT:
        raise
    except Exception as error:  # noqa: BLE001  likewise
        return DocumentReport(fault=_reason(error))
    return msgspec.structs.replace(report, remarks=(remark, *report.remarks))


def _reason(error: Exception) -> str:
    return "its objects are nested too deeply" if isinstance(error, RecursionError) else reason_of(error)


def _fault_of_frame(stream: BinaryIO) -> str | None:
    """Look where readers look first: the header, and the end (ISO 32000-1, 7.5.2 and 7.5.5)."""
    stream.seek(0)
    if _HEADER.search(stream.read(_HEAD_BYTES)) is None:
        return "it has no PDF header"
    stream.seek(max(0, stream.seek(0, 2) - _TAIL_BYTES))
    tail = stream.read()
    if b"startxref" not in tail and b"%%EOF" not in tail:
        return "its end is missing"
    return None


def _read(stream: BinaryIO, *, strict: bool) -> DocumentReport:
    stream.seek(0)
    reader = PdfReader(stream, strict=strict)
    opened_as = reader.decrypt("") if reader.is_encrypted else None
    if opened_as is PasswordType.NOT_DECRYPTED:
        return DocumentReport(needs_password=True)
    catalogue = resolved(reader.trailer.get("/Root"), DictionaryObject)
    if catalogue is None:
        raise PdfReadError("it has no catalogue")
    pages = 0
    has_text = False
    remarks: list[str] = []
    actions = ActionSearch()
    for page in _pages_of(catalogue):
        pages += 1
        remarks += _searched(actions.page, page)
        if pages <= _PAGES_SEARCHED_FOR_TEXT and not has_text:
            try:
                has_text = any(map(_SHOWS_TEXT.search, _contents_of(page)))
            except NOT_ABOUT_CONTENT:
                raise
            except Exception as error:  # noqa: BLE001  the page is there, and what it draws is damaged
                remarks.append(f"the content of page {pages} cannot be read: {_reason(error)}")
    remarks += _searched(actions.document, catalogue)
    tree = resolved(catalogue.get("/Pages"), DictionaryObject)
    claimed = None if tree is None else resolved(tree.get("/Count"), NumberObject)
    if claimed != pages:
        remarks.append(f"it says that it has {claimed} pages, and has {pages}")
    facts = DocumentFacts(
        pages=pages,
        version=_version(reader, catalogue),
        encrypted=reader.is_encrypted,
        has_text=has_text,
        claims=_claims(catalogue),
    )
    withheld = withheld_by(reader) if opened_as is PasswordType.USER_PASSWORD else ()
    fault = None if pages else "it has no pages"
    return DocumentReport(facts, fault=fault, remarks=tuple(remarks), active=actions.found, withheld=withheld)


def _searched(search: Callable[[DictionaryObject], None], where: DictionaryObject) -> tuple[str, ...]:
    """Search for what is run; return a remark where that is damaged: readers pass over it too."""
    try:
        search(where)
    except NOT_ABOUT_CONTENT:
        raise
    except Exception as error:  # noqa: BLE001  likewise
        return (f"what it may run cannot be read everywhere: {_reason(error)}",)
    return ()


def _pages_of(catalogue: DictionaryObject) -> Iterator[DictionaryObject]:
    """Walk the tree of pages without recursion, each node once (ISO 32000-1, 7.7.3)."""
    waiting: list[object] = [catalogue.raw_get("/Pages")] if "/Pages" in catalogue else []
    seen: set[tuple[int, int]] = set()
    while waiting:
        reference = waiting.pop()
        if isinstance(reference, IndirectObject):
            if (reference.idnum, reference.generation) in seen:
                raise PdfReadError("its tree of pages closes on itself")
            seen.add((reference.idnum, reference.generation))
        if len(seen) > _MOST_PAGES or len(waiting) > _MOST_PAGES:
            raise PdfReadError(f"it has more than {_MOST_PAGES} pages")
        node = resolved(reference, DictionaryObject)
        if node is None:
            raise PdfReadError("its tree of pages names a page that is not there")
        children = resolved(node.get("/Kids"), ArrayObject)
        if children is None:
            yield node
        else:
            waiting.extend(reversed(children))


def _contents_of(page: DictionaryObject) -> Iterator[bytes]:
    """Yield what the page draws, and what the forms draw that it uses; text may be in either."""
    contents = page.get("/Contents")
    parts = resolved(contents, ArrayObject)
    for part in [contents] if parts is None else parts:
        stream = resolved(part, StreamObject)
        if stream is not None:
            yield stream.get_data()
    resources = resolved(page.get("/Resources"), DictionaryObject)
    drawn = None if resources is None else resolved(resources.get("/XObject"), DictionaryObject)
    for value in () if drawn is None else drawn.values():
        form = resolved(value, StreamObject)
        if form is not None and form.get("/Subtype") == "/Form":
            yield form.get_data()


def _version(reader: PdfReader, catalogue: DictionaryObject) -> str:
    """Return the later of the header's version and the catalogue's (ISO 32000-1, 7.2.2)."""
    stated = str(catalogue.get("/Version", "")).removeprefix("/")
    return max(reader.pdf_header.removeprefix("%PDF-"), stated)[:8]


def _claims(catalogue: DictionaryObject) -> str | None:
    """Return what the XMP packet claims (ISO 19005-1, 6.7.11): ``PDF/A-2b``.

    The packet is searched, not parsed: XML of unknown origin stays text.
    """
    packet = resolved(catalogue.get("/Metadata"), StreamObject)
    if packet is None:
        return None
    text = packet.get_data().decode("utf-8", "replace")
    part, level = _CLAIMED_PART.search(text), _CLAIMED_LEVEL.search(text)
    if part is None:
        return None
    return f"PDF/A-{part[1]}{level[1].lower() if level else ''}"
