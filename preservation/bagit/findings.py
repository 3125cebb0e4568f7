"""Collecting issues, so that a bag with a million faults is still reported in flat memory."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from preservation.bagit import codes
from preservation.model.issues import Issue, IssueCode, Severity
from preservation.model.paths import path_order

_MOST_OF_ONE_KIND = 1_000


class Findings:
    """The issues of one bag, in the order in which they were found."""

    def __init__(self) -> None:
        self._issues: list[Issue] = []
        self._counts: Counter[tuple[IssueCode, Severity]] = Counter()

    def add(self, issue: Issue) -> None:
        """Keep ``issue``; of a kind of which there are very many, only count it."""
        kind = (issue.code, issue.severity)
        self._counts[kind] += 1
        if self._counts[kind] <= _MOST_OF_ONE_KIND:
            self._issues.append(issue)

    def extend(self, issues: Iterable[Issue]) -> None:
        """Keep all ``issues``."""
        for issue in issues:
            self.add(issue)

    def join(self, others: Iterable[Findings]) -> None:
        """Keep what several processes found, in the order of the paths."""
        found = list(others)
        self.extend(sorted((issue for other in found for issue in other._issues), key=_place))  # noqa: SLF001  its own kind
        for other in found:
            for kind, count in other._counts.items():  # noqa: SLF001  its own kind
                self._counts[kind] += max(0, count - _MOST_OF_ONE_KIND)

    @property
    def error_codes(self) -> frozenset[IssueCode]:
        """The codes of the errors among them."""
        return frozenset(code for code, severity in self._counts if severity is Severity.ERROR)

    @property
    def issues(self) -> tuple[Issue, ...]:
        """The issues, and for each kind of which there are too many, how many more there are."""
        more = tuple(
            Issue(
                code,
                severity,
                f"{count - _MOST_OF_ONE_KIND:,} more of {code}: {codes.MEANINGS[code].meaning}",
            )
            for (code, severity), count in self._counts.items()
            if count > _MOST_OF_ONE_KIND
        )
        return (*self._issues, *more)


def _place(issue: Issue) -> bytes:
    return path_order(issue.path or "")
