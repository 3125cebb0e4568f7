"""The status of the archive as lines for a terminal of 80 columns; in a terminal, updated live.

Each drop stands in one section: where it is now.
"""

from __future__ import annotations

import shlex
import shutil
import sys
import textwrap
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from flows.cli.output import say
from preservation.model.amounts import byte_size, count
from preservation.model.paths import printable
from preservation.model.verdicts import Verdict

if TYPE_CHECKING:
    from flows.inboxes.queue.backlog import Pending
    from flows.service.status import ArchiveStatus, SubmissionUnderWay
    from storage.ports.catalogue import Conclusion

_EVERY_SECONDS = 2.0
_COLUMNS, _NARROWEST, _WIDEST = 80, 40, 120
_MOST_ENTRIES = 20


@dataclass(frozen=True, slots=True)
class StatusEntry:
    """One thing that is reported: its name and figures, a sentence about it, and what to do."""

    head: str
    sentence: str = ""
    next_step: str = ""


@dataclass(frozen=True, slots=True)
class StatusSection:
    """Entries under a heading."""

    heading: str
    entries: tuple[StatusEntry, ...]


def sections_of(found: ArchiveStatus) -> Iterator[StatusSection]:
    """Yield the sections that have something to report, in the order of the stages of a drop."""
    shown = _Sections(found)
    for heading, entries in (
        ("Open alarms", _open_alarms(found)),
        ("Cannot be used", _faults(found)),
        ("Held", _held(found)),
        ("Waiting in the inboxes to be complete", _unsettled(found)),
        ("On their way", shown.on_their_way()),
        ("Waiting for an archivist", shown.waiting()),
        ("Interrupted", shown.interrupted()),
        ("Sent back lately", shown.ended(Verdict.REJECTED)),
        ("Kept today", shown.ended(Verdict.STORED)),
    ):
        if listed := tuple(entries):
            yield StatusSection(f"{heading}: {len(listed):,}", listed)


def lines_of(found: ArchiveStatus, columns: int = _COLUMNS) -> Iterator[str]:
    """Yield the status as lines of at most so many columns; only a name alone may be longer."""
    for section in sections_of(found):
        yield section.heading
        for entry in section.entries[:_MOST_ENTRIES]:
            yield from lines_of_entry(entry.head, (entry.sentence,), (entry.next_step,), columns)
        if len(section.entries) > _MOST_ENTRIES:
            yield f"  and {len(section.entries) - _MOST_ENTRIES:,} more: muniment status --json"
        yield ""
    yield from _wrapped(_kept(found), "", columns)


def lines_of_entry(
    head: str, sentences: Iterable[str], next_steps: Iterable[str], columns: int
) -> Iterator[str]:
    """Yield the lines of one entry of a list: sentences and next steps stand below its head."""
    yield from _wrapped(head, "  ", columns)
    for sentence in sentences:
        yield from _wrapped(sentence, "      ", columns)
    for step in filter(None, next_steps):
        yield from _wrapped(f"→ {step}", "  ", columns)


def columns_of_terminal() -> int:
    """Return how wide the lines may be."""
    if not sys.stdout.isatty():
        return _COLUMNS
    return min(max(shutil.get_terminal_size((_COLUMNS, 24)).columns, _NARROWEST), _WIDEST)


def show(lines: Iterable[str]) -> None:
    """Write the lines to stdout."""
    for line in lines:
        say(line)


def watch(ask: Callable[[], ArchiveStatus]) -> None:
    """Show the status in a terminal, updated in place every two seconds, until Ctrl-C."""
    from threading import Event

    from rich.console import Group
    from rich.live import Live
    from rich.text import Text

    def rendered() -> Group:
        # As text: brackets in names are not markup.
        return Group(
            *(
                Text(line, style="bold" if line[:1].strip() else "")
                for line in lines_of(ask(), columns_of_terminal())
            )
        )

    with Live(rendered(), screen=True, auto_refresh=False) as live:
        while not Event().wait(_EVERY_SECONDS):
            live.update(rendered(), refresh=True)


def show_entry(head: str, sentence: str = "") -> None:
    """Write one entry of a list, its sentence below it."""
    show(lines_of_entry(head, (sentence,), (), columns_of_terminal()))


def moment(at: datetime) -> str:
    """Return a time to the minute, in UTC, as people write it."""
    at = at.astimezone(UTC)
    return f"{at.day} {at:%b %Y, %H:%M}"


def below(directory: Path, path: str) -> str:
    """Return a path as people name it who know the installation: without its directory."""
    return path.removeprefix(f"{printable(str(directory))}/")


def _wrapped(text: str, indent: str, columns: int) -> list[str]:
    return textwrap.wrap(
        text,
        columns,
        initial_indent=indent,
        subsequent_indent=f"{indent}  " if indent == "  " else indent,
        break_long_words=False,
        break_on_hyphens=False,
    )


def _open_alarms(found: ArchiveStatus) -> Iterator[StatusEntry]:
    from flows.alarms.alarm import headline

    for one in found.open_alarms:
        step = "muniment alarms" if one is found.open_alarms[-1] else ""
        yield StatusEntry(f"{headline(one.alarm)}  since {moment(one.raised_at)}", next_step=step)


def _faults(found: ArchiveStatus) -> Iterator[StatusEntry]:
    if found.watcher_fault:
        yield StatusEntry(found.watcher_fault)
    elif found.inboxes is None:
        yield StatusEntry("What waits in the inboxes is not known: the watcher has not written its report")
    if found.inboxes is not None:
        for fault in found.inboxes.faults:
            since = f"  since {moment(fault.since)}" if fault.since else ""
            yield StatusEntry(f"{below(found.directory, fault.path)}{since}", fault.sentence)
    for trouble in found.troubles:
        yield StatusEntry(trouble)
    if found.damage is not None and found.damage.files:
        yield StatusEntry(f"DAMAGE  {found.damage.sentence}", next_step="muniment damage")
    yield from _store_faults(found)


def _store_faults(found: ArchiveStatus) -> Iterator[StatusEntry]:
    for store in found.stores:
        if store.away:
            yield StatusEntry(f"STORE AWAY  {printable(store.away)}")
        for gone in store.gone:
            yield StatusEntry(f"REPLICA GONE  {printable(gone.sentence)}")
        if store.lacking:
            yield StatusEntry(
                f"Store {store.store} lacks {count(store.lacking, 'version')}: copied by itself when "
                "it is there, or now with: muniment replicate --missing"
            )


def _unsettled(found: ArchiveStatus) -> Iterator[StatusEntry]:
    if found.inboxes is None:
        return
    for drop in found.inboxes.drops:
        since = f"  since {moment(drop.since)}" if drop.since else ""
        size = f"{count(drop.files, 'file')}, {byte_size(drop.bytes)}"
        yield StatusEntry(f"{below(found.directory, drop.path)}{since}  {size}", drop.sentence)
    if more := found.inboxes.waiting - len(found.inboxes.drops):
        yield StatusEntry(f"and {count(more, 'drop')} that came later")
    held = {hold.sentence for hold in found.holds}
    for entry in found.inboxes.passed_over:
        if entry.sentence in held:
            continue
        yield StatusEntry(f"{below(found.directory, entry.path)}  is not taken", entry.sentence)


def _held(found: ArchiveStatus) -> Iterator[StatusEntry]:
    passed_over = () if found.inboxes is None else found.inboxes.passed_over
    for hold in found.holds:
        taken = [one for one in found.taken if found.hold_on(one) == hold]
        here = sum(entry.sentence == hold.sentence for entry in passed_over)
        head = f"{hold.place}  {count(len(taken) + here, 'drop')}, {len(taken):,} of them taken"
        yield StatusEntry(head, hold.sentence, f"muniment release {shlex.quote(hold.place.name)}")


class _Sections:
    """Sorts drops into sections, each into the first one that is asked for it."""

    def __init__(self, found: ArchiveStatus) -> None:
        self._found = found
        self._shown: set[tuple[str, Path]] = set()

    def on_their_way(self) -> Iterator[StatusEntry]:
        """Yield what a run works on, and what is to get one."""
        decided = {_of_take(one) for one in self._found.taken if one.attempts and one.attempts.verdict}
        ended = set(map(_of_end, self._found.latest))
        for one in self._found.on_its_way:
            about = one.object, one.drop
            if one.runs or about not in decided | ended:
                self._shown.add(about)
                yield StatusEntry(_way(one, self._found.at))
        for pending in self._found.taken:
            if self._found.hold_on(pending) is not None:
                self._shown.add(_of_take(pending))
            elif _of_take(pending) not in self._shown | decided:
                self._shown.add(_of_take(pending))
                yield StatusEntry(_pending(pending))

    def waiting(self) -> Iterator[StatusEntry]:
        """Yield what an archivist has to answer, with how."""
        for entry, name in self._stopped(Verdict.WAITING):
            step = f'muniment approve {name} --because "…" --by "…" (or refuse)'
            yield StatusEntry(entry.head, entry.sentence, step)

    def interrupted(self) -> Iterator[StatusEntry]:
        """Yield what the system stopped."""
        return (entry for entry, _ in self._stopped(Verdict.INTERRUPTED))

    def ended(self, verdict: Verdict) -> Iterator[StatusEntry]:
        """Yield what ended so."""
        for end in self._found.latest:
            if end.verdict is verdict and _of_end(end) not in self._shown:
                yield _end(end)

    def _stopped(self, verdict: Verdict) -> Iterator[tuple[StatusEntry, str]]:
        for one in self._found.taken:
            if one.attempts and one.attempts.verdict is verdict and _of_take(one) not in self._shown:
                self._shown.add(_of_take(one))
                name = printable(str(one.take.object_id))
                sentence = printable(one.attempts.sentence)
                yield StatusEntry(f"{name}  since {moment(one.attempts.at)}", sentence), name
        for end in self._found.latest:
            if end.verdict is verdict and _of_end(end) not in self._shown:
                self._shown.add(_of_end(end))
                yield _end(end), printable(str(end.submission.object))


def _of_take(one: Pending) -> tuple[str, Path]:
    """Return of which object a drop is, and where it lies: it may have been given for several."""
    return str(one.take.object_id), one.take.path


def _of_end(end: Conclusion) -> tuple[str, Path]:
    return str(end.submission.object), end.submission.drop


def _pending(one: Pending) -> str:
    tries = one.attempts
    name = printable(str(one.take.object_id))
    if tries is None:
        return f"{name}  waits for a run since {moment(one.take.at)}"
    return f"{name}  given to a run at {moment(tries.at)}"


def _way(one: SubmissionUnderWay, at: datetime) -> str:
    from flows.submission.progress.progress import done_in_words, left_in_words, rate_in_words

    progress, stage = one.position.progress, one.position.stage or "answer"
    done = done_in_words(progress) if progress else ""
    name, since = (
        printable(one.object),
        f"since {moment(progress.began if progress and one.runs else one.touched)}",
    )
    if not one.runs:
        return "  ".join(filter(None, (name, stage, done, since, "left")))
    running = f"running on {one.elsewhere}" if one.elsewhere else "running"
    rate, left = (rate_in_words(progress, at), left_in_words(progress.left(at))) if progress else ("", "")
    words = (name, running, stage, done, rate, f"{left} left" if left else "", since)
    return "  ".join(filter(None, words))


def _end(end: Conclusion) -> StatusEntry:
    head = f"{printable(str(end.submission.object))}  {moment(end.concluded_at)}"
    return StatusEntry(head, printable(end.summary))


def _kept(found: ArchiveStatus) -> str:
    counts = found.counts
    return (
        f"Kept: {count(counts.objects, 'object')} in {count(counts.packages, 'version')}, "
        f"{count(counts.files, 'file')}, {byte_size(counts.bytes)}. Each object: muniment list. Times: UTC."
    )
