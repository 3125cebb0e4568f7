"""The job that examines one PDF, in a caged worker: its frame, its pages, all that they draw, what it claims.

pypdf counts the pages and looks for what is run, qpdf decodes every stream, the decoders of images every
image. It does not validate: "claims PDF/A-2b" is all that is known without a validator.
"""

import io
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import BinaryIO, TypeVar

import msgspec
from pypdf import PasswordType, PdfReader
from pypdf.errors import PdfReadError, PyPdfError
from pypdf.generic import ArrayObject, DictionaryObject, IndirectObject, NumberObject, StreamObject

from preservation.documents.attachments import attachments_of
from preservation.documents.frame import Shown, frame_of
from preservation.documents.pdf import resolved
from preservation.documents.streams import read_wholly
from preservation.documents.uses import PageUses
from preservation.documents.xmp import claims_of
from preservation.errors import PreservationError, UnacceptableContentError, reason_of
from preservation.model.screening import DocumentFacts
from preservation.screening.pdf_actions import ActionSearch
from preservation.screening.pdf_images import PdfImages
from preservation.screening.pdf_permissions import withheld_by
from preservation.screening.programs import Reader
from preservation.screening.reports import DocumentReport
from preservation.tools.work import NOT_ABOUT_CONTENT, Json

_Stated = TypeVar("_Stated")

_MOST_PAGES = 200_000
_PAGES_SEARCHED_FOR_TEXT = 5
_NAMED = 3

_BYTES_SHOWN = re.compile(r"( starting with)? b['\"].*")
"""What pypdf shows as Python writes bytes."""
_SHOWS_TEXT = re.compile(rb"T[jJ]\b|['\"]\s")


def examine(arguments: Mapping[str, Json], inputs: Sequence[BinaryIO], __: Sequence[BinaryIO]) -> Json:
    """Examine the one input: its structure strictly first, then as leniently as readers do; then all of it.

    An image in it may take ``memory`` bytes.
    """
    stream = inputs[0]
    frame = frame_of(stream)
    if frame.end is not None:
        stream = io.BufferedReader(Shown(stream, frame.end))
    read = _structure(stream)
    report = read.report
    if report.needs_password:
        return msgspec.to_builtins(report)
    readers: tuple[Reader, ...] = ("pypdf",)
    if frame.fault is None and report.fault is None:
        images = PdfImages(int(arguments["memory"]))
        report = _with_content(report, stream, read.uses, images)
        readers = (*readers, "pikepdf", *images.decoders)
    report = msgspec.structs.replace(
        report,
        fault=frame.fault or report.fault,
        remarks=(*frame.remarks, *report.remarks),
        readers=readers,
    )
    return msgspec.to_builtins(report)


@dataclass(frozen=True, slots=True)
class _Structure:
    """What is known of a PDF by its structure."""

    report: DocumentReport
    uses: PageUses = field(default_factory=PageUses)


def _structure(stream: BinaryIO) -> _Structure:
    try:
        return _read(stream, strict=True)
    except NOT_ABOUT_CONTENT:
        raise
    except Exception as error:  # noqa: BLE001  a damaged PDF makes pypdf raise whatever happens to come
        remark = _reason(error)
    try:
        read = _read(stream, strict=False)
    except NOT_ABOUT_CONTENT:
        raise
    except Exception as error:  # noqa: BLE001  likewise
        return _Structure(DocumentReport(fault=_reason(error)))
    remarks = (remark, *read.report.remarks)
    return replace(read, report=msgspec.structs.replace(read.report, remarks=remarks))


def _with_content(
    report: DocumentReport, stream: BinaryIO, uses: PageUses, images: PdfImages
) -> DocumentReport:
    """Add what reading every stream shows."""
    try:
        found = read_wholly(stream, uses, images.fault_of)
    except NOT_ABOUT_CONTENT:
        raise
    except UnacceptableContentError as error:
        words = str(error)
        if report.remarks:
            return msgspec.structs.replace(report, fault=words)
        # What pypdf reads strictly is whole as far as that can tell; nothing was decoded of it.
        return msgspec.structs.replace(report, remarks=(words,), unseen=("what its pages draw",))
    return msgspec.structs.replace(
        report,
        fault=_listed(found.damage) if found.damage else None,
        remarks=(*report.remarks, *found.remarks),
        unseen=tuple(found.unseen),
        absent_fonts=tuple(found.parts.absent_fonts),
        embedded_files=found.parts.files,
        parts_seen=found.parts.is_whole,
    )


def _listed(damage: Sequence[str]) -> str:
    more = len(damage) - _NAMED
    return "; ".join(damage[:_NAMED]) + (f"; and {more:,} more" if more > 0 else "")


def _reason(error: Exception) -> str:
    if isinstance(error, RecursionError):
        return "its objects are nested too deeply"
    if isinstance(error, PreservationError | PyPdfError | NotImplementedError):
        return _BYTES_SHOWN.sub("", reason_of(error))
    # What Python says where an object is another than pypdf took it for.
    return "its objects are not what they should be"


def _read(stream: BinaryIO, *, strict: bool) -> _Structure:
    stream.seek(0)
    reader = PdfReader(stream, strict=strict)
    opened_as = reader.decrypt("") if reader.is_encrypted else None
    if opened_as is PasswordType.NOT_DECRYPTED:
        return _Structure(DocumentReport(needs_password=True))
    catalogue = resolved(reader.trailer.get("/Root"), DictionaryObject)
    if catalogue is None:
        raise PdfReadError("it has no catalogue")
    pages = 0
    has_text = False
    remarks: list[str] = []
    actions = ActionSearch()
    uses = PageUses()
    for page, resources in _pages_of(catalogue):
        pages += 1
        remarks += _searched(actions.page, page)
        uses.add(pages, page, resources)
        if pages <= _PAGES_SEARCHED_FOR_TEXT and not has_text:
            try:
                has_text = any(map(_SHOWS_TEXT.search, _contents_of(page, resources)))
            except NOT_ABOUT_CONTENT:
                raise
            except Exception:  # noqa: BLE001  the page is there; that it is damaged, qpdf says
                has_text = False
    remarks += _searched(actions.document, catalogue)
    active_unread = bool(remarks)
    tree = resolved(catalogue.get("/Pages"), DictionaryObject)
    claimed = None if tree is None else resolved(tree.get("/Count"), NumberObject)
    if claimed != pages:
        remarks.append(f"it says that it has {claimed} pages, and has {pages}")
    facts = DocumentFacts(
        pages=pages,
        version=_version(reader, catalogue),
        encrypted=reader.is_encrypted,
        has_text=has_text,
        claims=_stated(_claims, catalogue),
        attachments=_stated(attachments_of, catalogue) or (),
        is_portfolio=resolved(catalogue.get("/Collection"), DictionaryObject) is not None,
    )
    withheld = withheld_by(reader) if opened_as is PasswordType.USER_PASSWORD else ()
    fault = None if pages else "it has no pages"
    report = DocumentReport(
        facts,
        fault=fault,
        remarks=tuple(remarks),
        active=actions.found,
        withheld=withheld,
        active_unread=active_unread or actions.is_cut_short,
        has_xfa=_stated(_has_xfa, catalogue),
    )
    return _Structure(report, uses)


def _searched(search: Callable[[DictionaryObject], None], where: DictionaryObject) -> tuple[str, ...]:
    """Search for what is run; return a remark where that is damaged: readers pass over it too."""
    try:
        search(where)
    except NOT_ABOUT_CONTENT:
        raise
    except Exception as error:  # noqa: BLE001  likewise
        return (f"what it may run cannot be read everywhere: {_reason(error)}",)
    return ()


def _stated(look: Callable[[DictionaryObject], _Stated], catalogue: DictionaryObject) -> _Stated | None:
    """Return what ``look`` finds; ``None`` where that is damaged, which is found where streams are read."""
    try:
        return look(catalogue)
    except NOT_ABOUT_CONTENT:
        raise
    except Exception:  # noqa: BLE001  likewise
        return None


def _pages_of(catalogue: DictionaryObject) -> Iterator[tuple[DictionaryObject, object]]:
    """Walk the tree of pages without recursion, each node once (ISO 32000-1, 7.7.3).

    Each page comes with its resources, which it may inherit.
    """
    waiting: list[tuple[object, object]] = []
    if "/Pages" in catalogue:
        waiting.append((catalogue.raw_get("/Pages"), None))
    seen: set[tuple[int, int]] = set()
    while waiting:
        reference, inherited = waiting.pop()
        if isinstance(reference, IndirectObject):
            if (reference.idnum, reference.generation) in seen:
                raise PdfReadError("its tree of pages closes on itself")
            seen.add((reference.idnum, reference.generation))
        if len(seen) > _MOST_PAGES or len(waiting) > _MOST_PAGES:
            raise PdfReadError(f"it has more than {_MOST_PAGES} pages")
        node = resolved(reference, DictionaryObject)
        if node is None:
            raise PdfReadError("its tree of pages names a page that is not there")
        resources = dict.get(node, "/Resources", inherited)
        children = resolved(node.get("/Kids"), ArrayObject)
        if children is None:
            yield node, resources
        else:
            waiting.extend((child, resources) for child in reversed(children))


def _contents_of(page: DictionaryObject, held: object) -> Iterator[bytes]:
    """Yield what the page draws, and what the forms draw that it uses; text may be in either."""
    contents = page.get("/Contents")
    parts = resolved(contents, ArrayObject)
    for part in [contents] if parts is None else parts:
        stream = resolved(part, StreamObject)
        if stream is not None:
            yield stream.get_data()
    resources = resolved(held, DictionaryObject)
    drawn = None if resources is None else resolved(resources.get("/XObject"), DictionaryObject)
    for value in () if drawn is None else drawn.values():
        form = resolved(value, StreamObject)
        if form is not None and form.get("/Subtype") == "/Form":
            yield form.get_data()


def _version(reader: PdfReader, catalogue: DictionaryObject) -> str:
    """Return the later of the header's version and the catalogue's (ISO 32000-1, 7.2.2)."""
    stated = str(catalogue.get("/Version", "")).removeprefix("/")
    return max(reader.pdf_header.removeprefix("%PDF-"), stated)[:8]


def _has_xfa(catalogue: DictionaryObject) -> bool:
    form = resolved(catalogue.get("/AcroForm"), DictionaryObject)
    return form is not None and "/XFA" in form


def _claims(catalogue: DictionaryObject) -> str | None:
    packet = resolved(catalogue.get("/Metadata"), StreamObject)
    return None if packet is None else claims_of(packet.get_data())
