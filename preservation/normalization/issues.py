"""Issues of normalization: what the policy asked for and could not be made, or not be proved."""

from collections.abc import Iterable, Iterator
from typing import Final

from preservation.model.amounts import count
from preservation.model.derivatives import Derivative, Purpose, RefusedDerivative
from preservation.model.issues import Issue, IssueCode, Severity
from preservation.model.paths import printable

NOT_MADE: Final = IssueCode("NRM-001")
"""``docs/issues.md`` explains it. The code never changes its meaning."""


def not_made(outcomes: Iterable[Derivative | RefusedDerivative]) -> Iterator[Issue]:
    """Yield an issue for each preservation derivative that was refused. Its original is kept."""
    for outcome in _refused_masters(outcomes):
        yield Issue(
            NOT_MADE,
            Severity.WARNING,
            f"{printable(outcome.source)} has no preservation copy, which the policy asks for: "
            f"{outcome.reason}.",
            outcome.source,
            "Nothing; the file itself is kept as it is.",
            for_operators="See whether its rule should keep such files as they are, or accept what is left "
            "behind (accept_loss).",
        )


def not_made_sentence(outcomes: Iterable[Derivative | RefusedDerivative]) -> str:
    """Return how many files lack the preservation copy that the policy asks for, if any."""
    lacking = sum(1 for _ in _refused_masters(outcomes))
    if not lacking:
        return ""
    have = "has" if lacking == 1 else "have"
    return f" {count(lacking, 'file')} {have} no preservation copy, which the policy asks for."


def _refused_masters(outcomes: Iterable[Derivative | RefusedDerivative]) -> Iterator[RefusedDerivative]:
    for outcome in outcomes:
        if isinstance(outcome, RefusedDerivative) and outcome.purpose is Purpose.PRESERVATION:
            yield outcome
