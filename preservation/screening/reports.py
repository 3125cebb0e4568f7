"""What a caged job reports to the stage about one file. The stage checks its shape before it believes it."""

from typing import Literal, NamedTuple, TypeAlias

import msgspec

from preservation.model.issues import Issue
from preservation.model.page_facts import StatedPages
from preservation.model.page_measures import PageMeasures, Region
from preservation.model.screening import DocumentFacts, ImageFacts
from preservation.screening.programs import Decoder, Reader

Withheld: TypeAlias = Literal[
    "Print Function", "Modify Function", "Copy Function", "Annotate Function", "Fill Form Function"
]
"""What a document can withhold, in the manner of the vocabulary of inhibitors' targets."""


class ImageReport(msgspec.Struct, frozen=True):
    """A raster image. ``fault`` says why it is damaged, ``too_much`` why it was not decoded.

    ``later`` says in what only a later page or picture is damaged, ``profile`` in what its ICC profile is,
    ``imperfect`` which rule of its format it breaks; ``notes`` are no faults. ``unsupported`` says what of
    it no decoder here supports, which is no fault of the image. ``decoder`` is the program that had the last
    word. ``has_thumbnail`` says whether the picture made for people's eyes was written, ``is_part_shown``
    that it shows what could be decoded of a damaged image. ``stated`` are its pages as a contract sees them,
    and ``measures`` what was measured of each, where the request asked for these; ``unmeasured`` counts pages
    of which nothing could be measured. ``shown`` is the page of which the picture for people's eyes is.
    """

    facts: ImageFacts | None = None
    fault: str | None = None
    later: str | None = None
    profile: str | None = None
    imperfect: str | None = None
    notes: tuple[str, ...] = ()
    too_much: str | None = None
    unsupported: str | None = None
    decoder: Decoder = "pillow"
    has_thumbnail: bool = False
    is_part_shown: bool = False
    stated: StatedPages | None = None
    measures: tuple[PageMeasures, ...] = ()
    unmeasured: int = 0
    shown: int = 1


class PictureFinding(NamedTuple):
    """What a check found of a decoded image, and where in the page that people are shown."""

    issue: Issue
    region: Region | None = None


class DocumentReport(msgspec.Struct, frozen=True):
    """A PDF, or a document that is zip inside.

    ``fault`` says why it is broken, ``remarks`` what readers repair. ``needs_password`` is true where not
    even its pages can be counted without one, ``encrypted`` names what in it is. ``active`` names what it
    would run, or start, in a program that lets it, ``unseen`` what of it was not looked at.
    ``withheld`` names what it withholds from whoever has not its owner's password, ``readers`` what read it.
    ``active_unread`` says that not all was seen that it may run. ``absent_fonts`` names the first fonts that
    it lists and does not hold, ``embedded_files`` counts the files in it; all of it was looked at for both
    where ``parts_seen``. ``has_xfa`` is ``None`` where that could not be seen.
    """

    facts: DocumentFacts | None = None
    fault: str | None = None
    remarks: tuple[str, ...] = ()
    needs_password: bool = False
    active: tuple[str, ...] = ()
    withheld: tuple[Withheld, ...] = ()
    unseen: tuple[str, ...] = ()
    encrypted: tuple[str, ...] = ()
    readers: tuple[Reader, ...] = ()
    active_unread: bool = False
    absent_fonts: tuple[str, ...] = ()
    embedded_files: int = 0
    parts_seen: bool = False
    has_xfa: bool | None = None


class XmlFault(msgspec.Struct, frozen=True):
    """What is wrong with XML, and on which line; 0 where that is not known."""

    line: int
    words: str


class XmlReport(msgspec.Struct, frozen=True):
    """An XML file that was held against a schema.

    ``too_much`` says why it was not read, ``fault`` why it is not well-formed. ``entities`` names the first
    that it declares or uses. ``root`` is its root element as ``{namespace}name``. ``invalid`` are the first
    faults that the schema finds, ``others`` counts those behind them; ``are_more`` says that not all were
    counted.
    """

    root: str = ""
    too_much: str | None = None
    fault: XmlFault | None = None
    entities: tuple[str, ...] = ()
    invalid: tuple[XmlFault, ...] = ()
    others: int = 0
    are_more: bool = False

    @property
    def local_name(self) -> str:
        """The name of the root element, without its namespace."""
        return self.root.rpartition("}")[2]


class ArchiveReport(msgspec.Struct):
    """An archive, listed and not unpacked; the job counts in it, so it is not frozen.

    Sizes are in bytes; member names are as ``paths.printable`` writes them.
    ``escapes`` names some members that would leave the folder or are no files, ``escaping`` counts them.
    ``bomb`` says why unpacking it would hurt, ``fault`` why it cannot be listed to its end. ``wholly`` is
    false where it is so long that only its beginning was listed. ``damaged`` counts the members whose bytes
    are not those that were packed, ``damage`` names some; ``encrypted`` and ``unread`` count those of which
    nothing was read, because it takes a password, or too long.
    """

    members: int = 0
    unpacked: int = 0
    escapes: tuple[str, ...] = ()
    escaping: int = 0
    nested: int = 0
    bomb: str | None = None
    fault: str | None = None
    wholly: bool = True
    damaged: int = 0
    damage: tuple[str, ...] = ()
    encrypted: int = 0
    unread: int = 0
