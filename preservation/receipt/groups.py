"""The files to look at, grouped by what was found: each file once, at its gravest finding."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Final, TypeAlias

from preservation.model.amounts import count
from preservation.model.dossiers import Dossier
from preservation.model.issues import Issue, IssueCode, Severity
from preservation.receipt.contents import Receipt
from preservation.receipt.summary import Summary, marking_faults, worst_issue
from preservation.receipt.titles import title_of
from preservation.receipt.views import FileView, Thumbnails, file_view

MOST_FILES_SHOWN: Final = 2_000
"""Pages show so many files to look at; beyond, they are counted."""

_Fault: TypeAlias = tuple[Severity, IssueCode]


@dataclass(frozen=True, slots=True)
class FaultGroup:
    """The files of one fault as the page shows them; ``shown`` can be gone through once.

    ``because`` and ``next_step`` stand here where they are the same for all of them, and else at each file.
    ``more`` is how many files are not shown, empty where all are.
    """

    mark: Severity
    code: IssueCode
    title: str
    files: str
    because: str
    next_step: str
    shown: Iterator[FileView]
    more: str


def fault_groups(
    receipt: Receipt, summary: Summary, thumbnails: Thumbnails, asked: frozenset[Issue]
) -> Iterator[FaultGroup]:
    """Yield the groups, the gravest first; the page has stated the questions in ``asked`` already.

    The files are gone through once, and no more of them are held than are shown.
    """
    shares = _shares(summary)
    chosen = _chosen(receipt.files, shares)
    for fault in marking_faults(summary):
        dossiers = chosen[fault.severity, fault.code]
        because, next_step = _said_once([worst for one in dossiers if (worst := worst_issue(one))], asked)
        more = fault.files - len(dossiers)
        yield FaultGroup(
            fault.severity,
            fault.code,
            title_of(fault.code),
            count(fault.files, "file"),
            because,
            next_step,
            _views(receipt, dossiers, thumbnails, asked, (because, next_step)),
            f"{more:,}" if more else "",
        )


def _shares(summary: Summary) -> dict[_Fault, int]:
    """Return how many files of each fault are shown: at least one, whatever comes before it."""
    room = MOST_FILES_SHOWN
    shares = {}
    for fault in marking_faults(summary):
        shares[fault.severity, fault.code] = share = min(fault.files, max(room, 1))
        room -= share
    return shares


def _chosen(files: Iterable[Dossier], shares: dict[_Fault, int]) -> dict[_Fault, list[Dossier]]:
    """Return the first files of each fault."""
    chosen: dict[_Fault, list[Dossier]] = {fault: [] for fault in shares}
    left = sum(shares.values())
    for dossier in files if left else ():
        worst = worst_issue(dossier)
        fault = None if worst is None else (worst.severity, worst.code)
        if fault in chosen and len(chosen[fault]) < shares[fault]:
            chosen[fault].append(dossier)
            left -= 1
            if not left:
                break
    return chosen


def _said_once(issues: list[Issue], asked: frozenset[Issue]) -> tuple[str, str]:
    """Return the reason and the next step that the issues share, where the page has not stated them."""
    said = {(issue.because, issue.next_step) for issue in issues if issue not in asked}
    return said.pop() if len(said) == 1 else ("", "")


def _views(
    receipt: Receipt,
    dossiers: list[Dossier],
    thumbnails: Thumbnails,
    asked: frozenset[Issue],
    said: tuple[str, str],
) -> Iterator[FileView]:
    for dossier in dossiers:
        view = file_view(dossier, thumbnails, stored=receipt.is_kept, refused=receipt.is_refused, asked=asked)
        yield replace(view, issues=tuple(_without(issue, said) for issue in view.issues))


def _without(issue: Issue, said: tuple[str, str]) -> Issue:
    """Return the issue without what its group says of it."""
    if (issue.because, issue.next_step) != said:
        return issue
    return replace(issue, because="", next_step="")
