"""What one engine says of one file, before anything is decided."""

from dataclasses import dataclass

from preservation.model.formats import FormatMatch, MimeType


@dataclass(frozen=True, slots=True)
class EngineCandidate:
    """One format that an engine holds possible.

    ``by_signature`` is true where something in the file's bytes is a sign of it, false where only its
    name is. ``mime`` is PRONOM's media type for the format, empty where PRONOM has none.
    """

    match: FormatMatch
    by_signature: bool
    mime: MimeType


@dataclass(frozen=True, slots=True)
class Opinion:
    """All that one engine says of one file.

    ``remarks`` are its warnings, in its words. ``of_nothing`` is true where the file has no bytes:
    then only its name is a sign, and an empty file is no image because its name says so. ``unsure`` is true
    where it could not read the file to its end: what it says then rests on the beginning.
    """

    candidates: tuple[EngineCandidate, ...]
    remarks: tuple[str, ...] = ()
    of_nothing: bool = False
    unsure: bool = False

    @property
    def by_signature(self) -> tuple[EngineCandidate, ...]:
        """The candidates of which something in the file's bytes is a sign."""
        return tuple(candidate for candidate in self.candidates if candidate.by_signature)
