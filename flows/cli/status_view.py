"""The status of the archive for people: tables in a terminal, plain lines for a program, or live."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, TypeAlias

from flows.cli.output import say
from preservation.model.amounts import byte_size, count
from preservation.model.paths import printable

if TYPE_CHECKING:
    from rich.console import RenderableType

    from flows.inboxes.queue.backlog import Pending
    from flows.service.status import ArchiveStatus, SubmissionUnderWay
    from storage.ports.catalogue import Conclusion

_EVERY_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class StatusTable:
    """Rows of text under headings."""

    headings: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


Shown: TypeAlias = str | StatusTable
"""A line, or a table."""


def lines_of(found: ArchiveStatus) -> Iterator[Shown]:
    """Yield the status of the archive, in the order of the stages of a drop."""
    yield from _inboxes(found)
    yield from _taken(found)
    yield from _on_their_way(found)
    yield from _ends(found)
    yield from _kept(found)
    yield from _stores(found)


def show(lines: Iterable[Shown]) -> None:
    """Write the lines and tables to stdout."""
    for line in lines:
        if isinstance(line, str):
            say(line)
        else:
            say_table(line.headings, line.rows)


def watch(ask: Callable[[], ArchiveStatus]) -> None:
    """Show the status in a terminal, updated in place every two seconds, until Ctrl-C."""
    from threading import Event

    from rich.console import Group
    from rich.live import Live

    def rendered() -> Group:
        return Group(*map(_rendered, lines_of(ask())))

    with Live(rendered(), screen=True, auto_refresh=False) as live:
        while not Event().wait(_EVERY_SECONDS):
            live.update(rendered(), refresh=True)


def say_table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Write a table to a terminal; to a pipe or a file, a plain line for each row."""
    table = StatusTable(tuple(headings), tuple(map(tuple, rows)))
    if not table.rows:
        return
    if not sys.stdout.isatty():
        for row in table.rows:
            say("  " + "  ".join(row).rstrip())
        return
    from rich.console import Console

    Console().print(_rendered(table))


def try_row(end: Conclusion) -> tuple[str, str, str, str]:
    """Return when and how a try ended, and where its receipt is."""
    receipt = "" if end.receipt is None else printable(str(end.receipt))
    return moment(end.concluded_at), end.verdict.value, printable(end.summary), receipt


def moment(at: datetime) -> str:
    """Return a time to the minute, in UTC."""
    return f"{at:%Y-%m-%d %H:%M}"


def _rendered(line: Shown) -> RenderableType:
    from rich import table
    from rich.text import Text

    if isinstance(line, str):
        return Text(line)
    shown = table.Table(*line.headings, box=None, pad_edge=False)
    for row in line.rows:
        # As text: brackets in names are not markup.
        shown.add_row(*map(Text, row))
    return shown


def _inboxes(found: ArchiveStatus) -> Iterator[Shown]:
    inboxes = found.inboxes
    if found.watcher_fault:
        yield found.watcher_fault
    if inboxes is None:
        return
    figures = f": {count(inboxes.files, 'file')}, {byte_size(inboxes.bytes)}" if inboxes.waiting else ""
    yield f"Waiting in the inboxes: {inboxes.waiting or 'none'}{figures}"
    rows = [(drop.path, moment(drop.since) if drop.since else "", drop.sentence) for drop in inboxes.drops]
    rows += [(entry.path, "", entry.sentence) for entry in (*inboxes.faults, *inboxes.passed_over)]
    yield StatusTable(("drop", "since", ""), tuple(rows))


def _taken(found: ArchiveStatus) -> Iterator[Shown]:
    yield f"\nTaken and not answered yet: {len(found.taken) or 'none'}"
    yield StatusTable(("object", "", "since", ""), tuple(_taken_row(one) for one in found.taken))
    yield from found.troubles


def _taken_row(one: Pending) -> tuple[str, ...]:
    tries = one.attempts
    if tries is None:
        return str(one.take.object_id), "waits for a run", moment(one.take.at), ""
    state = "given to a run" if tries.verdict is None else tries.verdict.value
    return str(one.take.object_id), state, moment(tries.at), printable(tries.sentence)


def _on_their_way(found: ArchiveStatus) -> Iterator[Shown]:
    yield f"\nOn their way: {len(found.on_its_way) or 'none'}"
    yield StatusTable(
        ("object", "stage", "done", "rate", "time left", "since", ""),
        tuple(_way_row(one, found.at) for one in found.on_its_way),
    )


def _way_row(one: SubmissionUnderWay, at: datetime) -> tuple[str, ...]:
    from flows.submission.progress.progress import done_in_words, left_in_words, rate_in_words

    stage, progress = one.position.stage or "answer", one.position.progress
    done = done_in_words(progress) if progress else ""
    if not one.runs:
        return one.object, stage, done, "", "", moment(one.touched), "left"
    running = f"running on {one.elsewhere}" if one.elsewhere else "running"
    if progress is None:
        return one.object, stage, "", "", "", moment(one.touched), running
    rate, left = rate_in_words(progress, at), left_in_words(progress.left(at))
    return one.object, stage, done, rate, left, moment(progress.began), running


def _ends(found: ArchiveStatus) -> Iterator[Shown]:
    yield f"\nStored today, and what needs a person: {len(found.latest) or 'nothing'}"
    yield StatusTable(
        ("ended", "verdict", "object", "", "receipt"),
        tuple(
            (moment(end.concluded_at), end.verdict.value, str(end.submission.object), *try_row(end)[2:])
            for end in found.latest
        ),
    )


def _kept(found: ArchiveStatus) -> Iterator[Shown]:
    counts = found.counts
    ends = ", ".join(f"{number:,} {verdict}" for verdict, number in sorted(counts.conclusions.items()))
    yield f"\nSubmissions ended: {ends or 'none yet'}"
    yield (
        f"Kept: {count(counts.objects, 'object')} in {count(counts.packages, 'version')}, "
        f"{count(counts.files, 'file')}, {byte_size(counts.bytes)}"
    )


def _stores(found: ArchiveStatus) -> Iterator[Shown]:
    """Yield what is wrong with stores: nothing, where nothing is."""
    for store in found.stores:
        if store.away:
            yield f"STORE AWAY  {printable(store.away)}"
        for gone in store.gone:
            yield f"REPLICA GONE  {printable(gone.sentence)}"
        if store.lacking:
            yield (
                f"Store {store.store} lacks {count(store.lacking, 'version')}: copied by itself when "
                "it is there, or now with: muniment stores fill"
            )
