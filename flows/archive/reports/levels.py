"""The NDSA Levels of Digital Preservation, version 2.0: what each of the 20 cells asks, in our words."""

from enum import StrEnum

import msgspec


class LevelArea(StrEnum):
    """The five functional areas."""

    STORAGE = "storage"
    INTEGRITY = "integrity"
    CONTROL = "control"
    METADATA = "metadata"
    CONTENT = "content"


class Showing(StrEnum):
    """How much of a cell this installation can show; *not shown* where software cannot know it."""

    SHOWN = "shown"
    PARTLY = "partly"
    LACKING = "lacking"
    NOT_SHOWN = "not-shown"


class LevelEvidence(msgspec.Struct, frozen=True):
    """What can be shown of one cell: what was found, ``by`` which query, and what is lacking.

    ``unknowable`` is what people have to show, for no software can.
    """

    area: LevelArea
    level: int
    asks: str
    showing: Showing
    found: str
    by: str
    gap: str = ""
    unknowable: str = ""


_ASKS = {
    LevelArea.STORAGE: (
        "Two whole copies in different places, in steady storage; it is on record on which media.",
        "Three whole copies, one in another region; it is known what storage and media need to work.",
        "One copy where another disaster threatens, one on another kind of media; ageing is watched.",
        "Three copies, each where another disaster threatens; nothing all depend on; ageing is acted on.",
    ),
    LevelArea.INTEGRITY: (
        "Digests that come with content are checked, else made; viruses are scanned for, and set apart.",
        "Digests are checked when content is moved or copied, and kept elsewhere; originals are guarded.",
        "Digests are checked at fixed intervals, and on demand; how, and what came of it, is on record.",
        "Digests are checked after events that may do harm; what is damaged is repaired or replaced.",
    ),
    LevelArea.CONTROL: (
        "It is decided which people and programs may read, write, move and delete.",
        "Who may do so is on record, and applied.",
        "It is logged which people and programs did what to the content.",
        "The logs of what was done, and of who had access, are reviewed from time to time.",
    ),
    LevelArea.METADATA: (
        "There is an inventory, with the place of everything; it is backed up, apart from the content.",
        "Enough is on record to know what it is: administration, technique, description, care, structure.",
        "Standards for metadata are chosen; what is lacking by them is looked for and filled.",
        "Acts of preservation are recorded with their time; the chosen standards are applied.",
    ),
    LevelArea.CONTENT: (
        "Formats and other properties are on record, with how and when they were found out.",
        "Formats and properties are verified; those who make content are won for formats that last.",
        "It is watched which formats grow old, and what changes in the technology that content depends on.",
        "Content is migrated, normalized or emulated, so that people can still get at it.",
    ),
}


def asks(area: LevelArea, level: int) -> str:
    """Return what the cell asks, in a sentence."""
    return _ASKS[area][level - 1]
