"""What the page says of a drop as a whole: every word and figure as text that is ready to be read."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from preservation.model.amounts import byte_size, count
from preservation.model.issues import Issue
from preservation.model.paths import printable
from preservation.model.verdicts import Verdict
from preservation.receipt.contents import PlacedReplica, Receipt
from preservation.receipt.headline import gravest_first, headline, is_kept, next_step
from preservation.receipt.summary import STOPPING, Summary

MOST_FILES_SHOWN = 2_000
"""Pages list so many files in full; beyond, only those that need a look."""

_MOST_STEPS = 8
_MOST_REMARKS = 50


@dataclass(frozen=True, slots=True)
class Figure:
    """A figure with what it counts."""

    value: str
    label: str


@dataclass(frozen=True, slots=True)
class ReplicaView:
    """A verified copy."""

    store: str
    site: str
    location: str
    verified: str


@dataclass(frozen=True, slots=True)
class FormatView:
    """A format with its share of the drop."""

    name: str
    puid: str
    files: str
    size: str


@dataclass(frozen=True, slots=True)
class PageView:
    """Everything on the page but the files. Where a heading is empty, its section is left out.

    ``steps`` are why a drop is sent back or waits; ``remarks`` are the other issues of the whole.
    """

    verdict: str
    headline: str
    name: str
    collection: str
    version: str
    sentence: str
    next_step: str
    steps: tuple[Issue, ...]
    more_steps: str
    remarks: tuple[Issue, ...]
    more_remarks: str
    figures: tuple[Figure, ...]
    replicas: tuple[ReplicaView, ...]
    marked: str
    more_marked: str
    formats: tuple[FormatView, ...]
    others: str
    lists_others: bool
    drop: str
    submission: str
    started: str
    ended: str
    policy: str
    engines: str
    json_name: str


def page_view(receipt: Receipt, summary: Summary, json_name: str) -> PageView:
    """Return what the page says."""
    owner = receipt.submission.object
    steps, unlisted = _steps(receipt, summary)
    remarks = [issue for issue in gravest_first(receipt.issues) if issue not in steps]
    others = summary.found - summary.marked
    return PageView(
        verdict=receipt.verdict.value,
        headline=headline(receipt.verdict, summary),
        name=printable(owner.name),
        collection=owner.collection,
        version="" if receipt.package is None else str(receipt.package.version),
        sentence=receipt.sentence,
        next_step=next_step(receipt.verdict, summary),
        steps=tuple(_step(issue) for issue in steps),
        more_steps=f"{unlisted:,}" if unlisted else "",
        remarks=tuple(remarks[:_MOST_REMARKS]),
        more_remarks=f"{len(remarks) - _MOST_REMARKS:,}" if len(remarks) > _MOST_REMARKS else "",
        figures=tuple(_figures(receipt, summary)),
        replicas=tuple(_replica(placed) for placed in receipt.replicas),
        marked=f"{count(summary.marked, 'file')} to look at" if summary.marked else "",
        more_marked=f"{summary.marked - MOST_FILES_SHOWN:,}" if summary.marked > MOST_FILES_SHOWN else "",
        formats=tuple(
            FormatView(form.name, form.puid, f"{form.files:,}", byte_size(form.bytes))
            for form in summary.formats
        ),
        others=_others(others, summary),
        lists_others=summary.found <= MOST_FILES_SHOWN,
        drop=printable(str(receipt.submission.drop)),
        submission=receipt.submission.identifier,
        started=_moment(receipt.started),
        ended=_moment(receipt.ended),
        policy="" if receipt.policy is None else str(receipt.policy),
        engines=", ".join(
            f"{engine.engine} {engine.version} ({engine.signatures})" for engine in receipt.engines
        ),
        json_name=json_name,
    )


def _steps(receipt: Receipt, summary: Summary) -> tuple[list[Issue], int]:
    """Return the first issues on which the user has to act, and how many more there are."""
    if receipt.verdict not in {Verdict.REJECTED, Verdict.WAITING}:
        return [], 0
    stopping = [issue for issue in gravest_first(receipt.issues) if issue.severity in STOPPING]
    shown_first = [*stopping, *summary.stopping][:_MOST_STEPS]
    return shown_first, len(stopping) + summary.stopping_count - len(shown_first)


def _step(issue: Issue) -> Issue:
    """Return the issue with a message that names its file."""
    if issue.path is None or printable(issue.path).rpartition("/")[2] in issue.message:
        return issue
    return replace(issue, message=f"{printable(issue.path)}: {issue.message}")


def _figures(receipt: Receipt, summary: Summary) -> Iterator[Figure]:
    if not summary.found:
        return
    if is_kept(receipt.verdict):
        yield Figure(f"{summary.kept:,}", _noun(summary.kept, "file kept", "files kept"))
    else:
        yield Figure(f"{summary.found:,}", _noun(summary.found, "file found", "files found"))
    yield Figure(byte_size(summary.bytes), "in all")
    yield Figure(f"{len(summary.formats):,}", _noun(len(summary.formats), "format", "formats"))
    if summary.proved:
        yield Figure(f"{summary.proved:,}", "made and proved")
    if summary.access:
        yield Figure(f"{summary.access:,}", _noun(summary.access, "access copy", "access copies"))
    if receipt.replicas:
        yield Figure(
            f"{len(receipt.replicas):,}", _noun(len(receipt.replicas), "copy verified", "copies verified")
        )
    if summary.marked:
        yield Figure(f"{summary.marked:,}", "to look at")


def _noun(number: int, one: str, many: str) -> str:
    return one if number == 1 else many


def _replica(placed: PlacedReplica) -> ReplicaView:
    replica = placed.replica
    return ReplicaView(replica.store, placed.site, printable(replica.location), _moment(replica.verified_at))


def _others(others: int, summary: Summary) -> str:
    if not others:
        return ""
    if summary.marked:
        return f"The other {count(others, 'file')}" if others > 1 else "The other file"
    return f"All {count(others, 'file')}" if others > 1 else "The file"


def _moment(at: datetime) -> str:
    at = at.astimezone(UTC)
    return f"{at.day} {at:%B %Y, %H:%M} UTC"
