"""What a policy asks of a drop before it is taken, made ready for very many names."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from preservation.policy.globs import PathMatcher, PathPattern
from preservation.policy.intake import CompleteWhen, LoosePages
from preservation.policy.schema import Policy

PAUSES_ASKED: Final = 2
"""The quiet that is asked is so many times the longest pause that was seen while the drop grew."""

LONGEST_QUIET: Final = 10
"""It is never more than so many times the quiet that the policy asks."""


class EntryMatcher:
    """Patterns, held against names where they have no ``/``, and against whole paths only where they have."""

    def __init__(self, patterns: Sequence[PathPattern]) -> None:
        self.patterns = patterns
        self._names = PathMatcher([pattern for pattern in patterns if "/" not in pattern])
        self._paths = PathMatcher([pattern for pattern in patterns if "/" in pattern])

    def matches(self, folder: str, name: str) -> bool:
        """Say whether a pattern takes the entry ``name`` of ``folder``, a path with its closing ``/``."""
        by_path = bool(self._paths.patterns) and self._paths.matches(f"{folder}{name}")
        return by_path or self._names.matches(name)


@dataclass(frozen=True, slots=True)
class SettlingTerms:
    """When a drop is complete. ``quiet`` is in seconds; ``grouping`` is the levels of folders above drops.

    ``beside`` takes the names of descriptions, which are no drops of their own where ``holds_loose_pages``.
    """

    quiet: float
    complete_when: CompleteWhen
    sentinels: tuple[str, ...]
    temporary: EntryMatcher
    metadata: EntryMatcher
    junk: EntryMatcher
    grouping: int
    holds_loose_pages: bool
    beside: EntryMatcher

    @property
    def sentinels_beside(self) -> tuple[str, ...]:
        """What follows the name of a drop in the name of a sentinel beside it: ``.done``."""
        return tuple(name if name.startswith(".") else f".{name}" for name in self.signs)

    @property
    def signs(self) -> tuple[str, ...]:
        """The sentinels that are asked for; none where the policy goes by something else."""
        return self.sentinels if self.complete_when is CompleteWhen.SENTINEL else ()


def settling_terms(policy: Policy) -> SettlingTerms:
    """Return what ``policy`` asks of a drop before it is taken."""
    intake = policy.terms.intake
    return SettlingTerms(
        quiet=intake.settle,
        complete_when=intake.complete_when,
        sentinels=intake.sentinels,
        temporary=EntryMatcher(intake.temporary),
        metadata=EntryMatcher(intake.metadata),
        junk=EntryMatcher(intake.junk),
        grouping=intake.grouping,
        holds_loose_pages=intake.loose_pages is LoosePages.HOLD,
        beside=EntryMatcher(intake.descriptive),
    )
