"""What screening found out about each file: facts about its content, and issues."""

from dataclasses import dataclass
from typing import Final

from preservation.model.events import Agent
from preservation.model.issues import Issue, IssueCode
from preservation.model.page_measures import Region
from preservation.model.paths import RelativePath


@dataclass(frozen=True, slots=True)
class ImageFacts:
    """A raster image, fully decoded. Sizes in pixels, resolution in dots per inch.

    ``mode`` is the decoder's word for bands and depth (``RGB``, ``I;16``); ``bits`` is per sample.
    """

    frames: int
    width: int
    height: int
    mode: str
    bits: int
    compression: str
    resolution: tuple[float, float] | None
    profile: str | None
    orientation: int | None


@dataclass(frozen=True, slots=True)
class DocumentFacts:
    """A PDF, inspected. ``claims`` is what it says of itself, such as ``PDF/A-2b``: no finding.

    ``attachments`` names the files that it holds; ``is_portfolio`` says that it is there for their sake.
    """

    pages: int
    version: str
    encrypted: bool
    has_text: bool
    claims: str | None
    attachments: tuple[str, ...] = ()
    is_portfolio: bool = False


@dataclass(frozen=True, slots=True)
class Inhibitor:
    """What keeps people or programs from using a file (PREMIS 1.5.6): how, and what of it.

    ``method`` and ``targets`` are in the words of PREMIS: ``PASSWORD_PROTECTION`` of ``ALL_CONTENT``, or of
    functions.
    """

    method: str
    targets: tuple[str, ...]


PASSWORD_PROTECTION: Final = "Password protection"  # noqa: S105  a word of a vocabulary
"""The method of an inhibitor."""

ALL_CONTENT: Final = "All content"
"""The target of an inhibitor without whose key nothing of the file can be seen."""


@dataclass(frozen=True, slots=True)
class FaultRegion:
    """Where in the picture that people see the fault ``code`` of a file lies."""

    code: IssueCode
    region: Region


@dataclass(frozen=True, slots=True)
class ScreenedFile:
    """One file of the drop after screening.

    ``left_out`` is true only for what the policy says is junk. ``thumbnail`` names a JPEG in the
    submission's workspace, for people's eyes; ``is_part_shown`` means that it shows what could be decoded of
    a damaged image. ``unexamined`` says why nothing looked into it; empty where something did: then
    ``examiner`` is the program that decoded or opened it, ``other_examiners`` those that looked at parts of
    it, and ``is_damaged`` says that it is not whole, whatever the policy makes of that. ``valid_by`` names
    the XML schemas by which it is valid, by their paths beside the policy: of XML no more than that is known.
    ``regions`` says where in the thumbnail a fault lies, of those that lie somewhere.
    """

    path: RelativePath
    left_out: bool = False
    image: ImageFacts | None = None
    document: DocumentFacts | None = None
    thumbnail: str | None = None
    issues: tuple[Issue, ...] = ()
    unexamined: str = ""
    is_part_shown: bool = False
    inhibitors: tuple[Inhibitor, ...] = ()
    examiner: Agent | None = None
    is_damaged: bool = False
    other_examiners: tuple[Agent, ...] = ()
    valid_by: tuple[str, ...] = ()
    regions: tuple[FaultRegion, ...] = ()


@dataclass(frozen=True, slots=True)
class Unexamined:
    """How many files of a submission nothing looked into, for one reason."""

    reason: str
    files: int


@dataclass(frozen=True, slots=True)
class Examined:
    """How many files of a submission a program looked into, with ``others``, and how many were damaged."""

    program: Agent
    files: int
    damaged: int
    others: tuple[Agent, ...] = ()
