"""Adoption: what is known of an old holding, and what can never be known of it again."""

from dataclasses import dataclass

from preservation.model.events import EventOutcome


@dataclass(frozen=True, slots=True)
class FormerFixity:
    """What others had recorded of the files of an old holding, and how the files compare with it now.

    ``record`` names it, as in *the bag's own manifests of md5 and sha256*; it is empty where nothing was
    compared. ``dated`` is when it was made, by its own word, or empty. ``outcome`` and ``sentence`` are those
    of the comparison.
    """

    record: str = ""
    dated: str = ""
    outcome: EventOutcome = EventOutcome.WARNING
    sentence: str = ""

    @property
    def statement(self) -> str:
        """What the files were held against, in words."""
        if not self.record:
            return "fixity unknown before: nothing that others had recorded of its files was compared"
        when = f"dated {self.dated}" if self.dated else "undated"
        return f"held against {self.record}, {when}"

    @property
    def limits(self) -> str:
        """What is not known, in words."""
        if not self.record:
            return (
                "the digests of this survey are the first; who made the files, when, and whether they were "
                "right before it, is not known"
            )
        return "who made the files, and whether they were right when that was recorded, is not known"
