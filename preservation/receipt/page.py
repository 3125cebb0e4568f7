"""What the page shows of a drop as a whole: every word and figure as text that is ready to be read."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import islice
from typing import NamedTuple

from preservation.model.amounts import byte_size, count
from preservation.model.difference import ChangeKind, FileChange
from preservation.model.issues import Issue, Severity
from preservation.model.paths import printable
from preservation.model.verdicts import Verdict
from preservation.receipt.contents import PlacedReplica, Receipt
from preservation.receipt.groups import MOST_FILES_SHOWN
from preservation.receipt.headline import (
    decided,
    dropped_as,
    gravest_first,
    headline,
    moment_in_words,
    next_step,
)
from preservation.receipt.passed import passed_in_words
from preservation.receipt.summary import STOPPING, FaultCount, Summary
from preservation.receipt.titles import title_of

_MOST_STEPS = 8
_MOST_REMARKS = 50
_LONGEST_TITLE = 500
_MOST_CHANGES = 50


class Figure(NamedTuple):
    """A figure with what it counts."""

    value: str
    label: str


class ReplicaView(NamedTuple):
    """A verified copy."""

    store: str
    site: str
    location: str
    verified: str


class FormatView(NamedTuple):
    """A format with its share of the drop."""

    name: str
    puid: str
    files: str
    size: str


class ChangesView(NamedTuple):
    """The originals of one kind of change: the first names, and how many more there are."""

    title: str
    names: tuple[str, ...]
    more: str


@dataclass(frozen=True, slots=True)
class PageView:
    """Everything on the page but the files. Where a heading is empty, its section is left out.

    ``steps`` are why a drop is sent back, one for each fault of its files, or why it waits; ``remarks`` are
    the other issues of the whole. ``asked`` are the questions of a drop that waits, as the files have them:
    the page states each once, as a step. ``sentence`` is empty where the steps say the same. ``form``
    is what the page is; ``passed`` are lines on the files without a finding.
    """

    form: str
    headline: str
    name: str
    version: str
    sentence: str
    next_step: str
    steps: tuple[Issue, ...]
    more_steps: str
    asked: frozenset[Issue]
    decision: str
    remarks: tuple[Issue, ...]
    more_remarks: str
    figures: tuple[Figure, ...]
    compared_with: str
    changes: tuple[ChangesView, ...]
    replicas: tuple[ReplicaView, ...]
    marked: str
    formats: tuple[FormatView, ...]
    others: str
    passed: tuple[str, ...]
    lists_others: bool
    drop: str
    started: str
    ended: str
    engines: str
    title: str
    compared: str


def page_view(receipt: Receipt, summary: Summary) -> PageView:
    """Return what the page says beside what the receipt has in words already."""
    steps, unlisted = _steps(receipt, summary)
    remarks = [issue for issue in gravest_first(receipt.issues) if issue not in steps]
    others = summary.found - summary.marked
    return PageView(
        form="gate check" if receipt.is_trial else "receipt",
        headline=headline(receipt, summary),
        name=printable(receipt.submission.object.name),
        version="" if receipt.package is None else str(receipt.package.version),
        sentence="" if steps else receipt.sentence,
        next_step=next_step(receipt, summary),
        steps=tuple(_step(issue) for issue in steps),
        more_steps=f"{unlisted:,}" if unlisted else "",
        asked=frozenset(steps) if receipt.verdict is Verdict.WAITING else frozenset(),
        remarks=tuple(remarks[:_MOST_REMARKS]),
        more_remarks=f"{len(remarks) - _MOST_REMARKS:,}" if len(remarks) > _MOST_REMARKS else "",
        decision="" if receipt.decision is None else decided(receipt.decision),
        figures=tuple(_figures(receipt, summary)),
        compared_with="" if receipt.difference is None else str(receipt.difference.before.version),
        changes=tuple(_changes(receipt)),
        replicas=tuple(_replica(placed) for placed in receipt.replicas),
        marked=f"{count(summary.marked, 'file')} to look at" if summary.marked else "",
        formats=tuple(
            FormatView(form.name, form.puid, f"{form.files:,}", byte_size(form.bytes))
            for form in summary.formats
        ),
        others=_others(others, summary),
        passed=tuple(passed_in_words(summary)),
        lists_others=summary.found <= MOST_FILES_SHOWN,
        drop=dropped_as(receipt),
        started=moment_in_words(receipt.started),
        ended=moment_in_words(receipt.ended),
        engines=", ".join(f"{one.engine} {one.version} ({one.signatures})" for one in receipt.engines),
        title=printable(receipt.title[:_LONGEST_TITLE]),
        compared=receipt.comparison.sentence,
    )


def _steps(receipt: Receipt, summary: Summary) -> tuple[list[Issue], int]:
    """Return the first issues on which the user has to act, and how many more there are."""
    if receipt.verdict not in {Verdict.REJECTED, Verdict.WAITING} or receipt.is_refused:
        return [], 0
    stopping = [issue for issue in gravest_first(receipt.issues) if issue.severity in STOPPING]
    if receipt.verdict is Verdict.REJECTED:
        faults = [_fault_step(fault) for fault in summary.faults if fault.severity is Severity.ERROR]
        shown = [*stopping, *faults][:_MOST_STEPS]
        return shown, len(stopping) + len(faults) - len(shown)
    shown_first = [*stopping, *summary.stopping][:_MOST_STEPS]
    return shown_first, len(stopping) + summary.stopping_count - len(shown_first)


def _fault_step(fault: FaultCount) -> Issue:
    """Return one step for all files of a fault, which names the first of them."""
    first = fault.first[0]
    if fault.files == 1:
        return first
    names = [printable(issue.path or "") for issue in fault.first]
    more = fault.files - len(names)
    named = f"{', '.join(names)} and {more:,} more" if more else f"{', '.join(names[:-1])} and {names[-1]}"
    says_the_same = len({issue.next_step for issue in fault.first}) == 1
    return replace(
        first,
        message=f"{title_of(fault.code)}, {count(fault.files, 'file')}: {named}.",
        path=None,
        next_step=first.next_step if says_the_same else "",
        because="",
    )


def _step(issue: Issue) -> Issue:
    if issue.path is None or printable(issue.path).rpartition("/")[2] in issue.message:
        return issue
    return replace(issue, message=f"{printable(issue.path)}: {issue.message}")


def _figures(receipt: Receipt, summary: Summary) -> Iterator[Figure]:
    if not summary.found:
        return
    if receipt.is_kept:
        yield Figure(f"{summary.kept:,}", _noun(summary.kept, "file kept", "files kept"))
    else:
        yield Figure(f"{summary.found:,}", _noun(summary.found, "file found", "files found"))
    yield Figure(byte_size(summary.bytes), "in all")
    yield Figure(f"{len(summary.formats):,}", _noun(len(summary.formats), "format", "formats"))
    if summary.proved:
        yield Figure(f"{summary.proved:,}", "made and proved")
    if summary.access:
        yield Figure(f"{summary.access:,}", _noun(summary.access, "access copy", "access copies"))
    if copies := len(receipt.replicas):
        yield Figure(f"{copies:,}", _noun(copies, "copy verified", "copies verified"))
    if summary.marked:
        yield Figure(f"{summary.marked:,}", "to look at")


def _changes(receipt: Receipt) -> Iterator[ChangesView]:
    """Yield what changed since the version before; what was removed comes first."""
    for kind in reversed(ChangeKind):
        of_kind = (one for one in receipt.changes if one.kind is kind)
        first = tuple(islice(of_kind, _MOST_CHANGES))
        more = sum(1 for _ in of_kind)
        if first:
            title = f"{kind.value.capitalize()}: {count(len(first) + more, 'file')}"
            yield ChangesView(title, tuple(map(_change, first)), f"{more:,}" if more else "")


def _change(one: FileChange) -> str:
    name = printable(one.path)
    return name if one.before is None else f"{printable(one.before)} \N{RIGHTWARDS ARROW} {name}"


def _noun(number: int, one: str, many: str) -> str:
    return one if number == 1 else many


def _replica(placed: PlacedReplica) -> ReplicaView:
    replica = placed.replica
    return ReplicaView(
        replica.store, placed.site, printable(replica.location), moment_in_words(replica.verified_at)
    )


def _others(others: int, summary: Summary) -> str:
    if not others:
        return ""
    if summary.marked:
        return f"The other {count(others, 'file')}" if others > 1 else "The other file"
    return f"All {count(others, 'file')}" if others > 1 else "The file"
