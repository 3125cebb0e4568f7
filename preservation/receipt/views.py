"""What the page shows of a file: every name and figure as text that is ready to be read."""

from base64 import b64encode
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from preservation.model.amounts import byte_size, count
from preservation.model.decisions import Action
from preservation.model.derivatives import Derivative, Purpose, RefusedDerivative
from preservation.model.descriptions import title_of
from preservation.model.dossiers import Dossier
from preservation.model.files import IrregularEntry
from preservation.model.issues import Issue, IssueCode, Severity
from preservation.model.paths import printable
from preservation.model.screening import DocumentFacts, FaultRegion, ImageFacts, ScreenedFile
from preservation.receipt.headline import gravest_first
from preservation.receipt.summary import worst_severity

_LARGEST_THUMBNAIL = 64 << 10
_LONGEST_KIND = 6
_LONGEST_TITLE = 500
_JPEG = b"\xff\xd8\xff"
_PART = "What could be decoded. The rest is not there, or is damaged."
_TIMES = "\N{MULTIPLICATION SIGN}"


@dataclass(frozen=True, slots=True)
class DerivativeView:
    """What was made of a file, or why nothing was."""

    title: str
    made: bool
    detail: str
    proofs: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class FaultFrame:
    """Where in a picture a fault lies, in per cent of its width and height."""

    code: IssueCode
    left: float
    top: float
    width: float
    height: float


@dataclass(frozen=True, slots=True)
class FileView:
    """One file of a drop as the page shows it.

    ``mark`` is its gravest issue's severity, or empty; ``kind`` stands where there is no thumbnail.
    ``title`` is what a supplied table calls it, or empty; ``caption`` says what the thumbnail does not show;
    ``frames`` are where in it faults lie.
    """

    folder: str
    name: str
    mark: str
    thumbnail: str
    kind: str
    size: str
    format: str
    puid: str
    facts: str
    outcome: str
    because: str
    derivatives: tuple[DerivativeView, ...]
    issues: tuple[Issue, ...]
    title: str
    caption: str
    frames: tuple[FaultFrame, ...]


class Thumbnails:
    """Thumbnails as data URIs, until they have filled their share of the page."""

    def __init__(self, workspace: Path, budget: int) -> None:
        self._workspace = workspace
        self._left = budget

    def of(self, screened: ScreenedFile | None) -> str:
        """Return a file's thumbnail, or nothing where there is none, or no room for it."""
        if screened is None or screened.thumbnail is None:
            return ""
        try:
            with (self._workspace / screened.thumbnail).open("rb") as source:
                content = source.read(_LARGEST_THUMBNAIL + 1)
        except OSError:
            # A receipt without a picture is still a receipt.
            return ""
        if not content.startswith(_JPEG) or len(content) > min(_LARGEST_THUMBNAIL, self._left):
            return ""
        self._left -= len(content)
        return f"data:image/jpeg;base64,{b64encode(content).decode()}"


def file_view(
    dossier: Dossier,
    thumbnails: Thumbnails,
    *,
    stored: bool,
    refused: bool = False,
    asked: frozenset[Issue] = frozenset(),
) -> FileView:
    """Return what the page shows of a file; ``stored`` says whether it is kept, or only would be.

    Of a drop that is ``refused`` nothing is kept. The page has stated the questions in ``asked`` already.
    """
    folder, slash, name = printable(dossier.path).rpartition("/")
    found = dossier.found
    screened = dossier.screened
    if isinstance(found, IrregularEntry):
        size, form, puid = "", found.kind.value, ""
    else:
        size, form = byte_size(found.size), found.identification.name
        puid = found.identification.decided or ""
    thumbnail = thumbnails.of(screened)
    return FileView(
        folder=folder + slash,
        name=name,
        mark=worst_severity(dossier) or "",
        thumbnail=thumbnail,
        kind=_kind(name),
        size=size,
        format=form,
        puid=puid,
        facts=", ".join(facts_in_words(screened)),
        outcome="Not kept" if refused else _outcome(dossier, stored=stored),
        because="" if refused or _is_asked(dossier, asked) else _because(dossier),
        derivatives=tuple(_derivative(made) for made in dossier.derivatives),
        issues=tuple(issue for issue in gravest_first(screened.issues) if issue not in asked)
        if screened
        else (),
        title=_title(dossier),
        caption=_PART if thumbnail and screened and screened.is_part_shown else "",
        frames=tuple(map(_frame, screened.regions)) if thumbnail and screened else (),
    )


def _frame(found: FaultRegion) -> FaultFrame:
    left, top, right, bottom = (round(100 * part, 2) for part in found.region)
    return FaultFrame(found.code, left, top, round(right - left, 2), round(bottom - top, 2))


def _title(dossier: Dossier) -> str:
    title = "" if dossier.described is None else title_of(dossier.described.statements)
    return printable(title[:_LONGEST_TITLE])


def _kind(name: str) -> str:
    extension = name.rpartition(".")[2]
    return extension.upper() if extension != name and 0 < len(extension) <= _LONGEST_KIND else "file"


def _is_asked(dossier: Dossier, asked: frozenset[Issue]) -> bool:
    """Return whether the page has stated the question about the file, with the policy's reason."""
    return bool(asked) and dossier.decision is not None and dossier.decision.action is Action.ASK


def _because(dossier: Dossier) -> str:
    if dossier.decision is not None:
        return dossier.decision.because
    return dossier.found.detail if isinstance(dossier.found, IrregularEntry) else ""


def _outcome(dossier: Dossier, *, stored: bool) -> str:
    if isinstance(dossier.found, IrregularEntry):
        return "Cannot be kept as a file"
    if dossier.kept is None:
        return "Left out"
    # Of a broken file, what would be done with it is not what people need to hear.
    if dossier.decision is None or (not stored and worst_severity(dossier) is Severity.ERROR):
        return ""
    if stored and any(map(_is_refused_master, dossier.derivatives)):
        return "Kept as it is, without a preservation copy"
    return (_DONE if stored else _PLANNED)[dossier.decision.action]


def _is_refused_master(made: Derivative | RefusedDerivative) -> bool:
    return isinstance(made, RefusedDerivative) and made.purpose is Purpose.PRESERVATION


_DONE = {
    Action.RETAIN: "Kept as it is",
    Action.NORMALIZE: "Kept, and copied to a lasting format",
    Action.LEAVE_OUT: "Left out",
    Action.ASK: "Kept after an archivist's answer",
    Action.REJECT: "Not accepted by the policy",
}
_PLANNED = {
    Action.RETAIN: "Would be kept as it is",
    Action.NORMALIZE: "Would be kept, and copied to a lasting format",
    Action.LEAVE_OUT: "Would be left out",
    Action.ASK: "Waits for an archivist's answer",
    Action.REJECT: "Not accepted by the policy",
}


def facts_in_words(screened: ScreenedFile | None) -> Iterator[str]:
    """Yield what screening measured, in words."""
    if screened is None:
        return
    if screened.image is not None:
        yield from _image_facts(screened.image)
    if screened.document is not None:
        yield from _document_facts(screened.document)
    for schema in screened.valid_by:
        yield f"valid by {printable(schema)}"


def _image_facts(image: ImageFacts) -> Iterator[str]:
    yield f"{image.width:,} {_TIMES} {image.height:,} pixels"
    if image.frames > 1:
        yield count(image.frames, "image")
    if image.resolution is not None:
        across, down = image.resolution
        yield f"{across:.0f} dpi" if round(across) == round(down) else f"{across:.0f} {_TIMES} {down:.0f} dpi"
    yield f"{image.mode}, {count(image.bits, 'bit')}"
    if image.profile is not None:
        yield printable(image.profile)


def _document_facts(document: DocumentFacts) -> Iterator[str]:
    yield count(document.pages, "page")
    yield "with text" if document.has_text else "without text"
    if document.encrypted:
        yield "encrypted"
    if document.claims is not None:
        yield f"claims {printable(document.claims)}"
    if document.attachments:
        yield count(len(document.attachments), "attached file")


def _derivative(made: Derivative | RefusedDerivative) -> DerivativeView:
    proofs = tuple(f"{it.name}{'' if it.holds else ' does not hold'}: {it.detail}" for it in made.proofs)
    match made:
        case Derivative():
            kind = "Preservation copy" if made.purpose.value == "preservation" else "Access copy"
            name = printable(made.path).rpartition("/")[2]
            detail = f"{made.format_name}, {byte_size(made.size)}"
            if made.left_behind:
                proofs = (*proofs, f"left behind: {printable('; '.join(made.left_behind))}")
            return DerivativeView(f"{kind} {name}", made=True, detail=detail, proofs=proofs)
        case RefusedDerivative():
            title = f"No {made.purpose.value} copy"
            return DerivativeView(title, made=False, detail=made.reason, proofs=proofs)
