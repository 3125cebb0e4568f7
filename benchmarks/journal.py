"""How fast many processes keep one journal.

``python -m benchmarks.journal URL...`` prints entries a second for each database, which must be empty;
for PostgreSQL ``postgresql://user@host/database``.
"""

from __future__ import annotations

import subprocess
import sys
import time
from datetime import UTC, datetime

from preservation.model.events import Agent, AgentKind, Event, EventOutcome, EventType, event_id
from preservation.model.identifiers import SubmissionId
from storage.database.opening import open_database
from storage.journal.sql import SqlJournal
from storage.journal.verification import Intact, verify_journal

WRITERS = 8
ENTRIES = 4000
BATCH = 500
"""Entries of each writer, and of one transaction of it."""


def entries_per_second(url: str, writers: int = WRITERS, entries: int = ENTRIES, batch: int = BATCH) -> float:
    """Let ``writers`` processes append ``entries`` each to an empty database; return entries a second.

    Counted from when all are ready to when the last one has written its last; then the chain is
    verified. Exits where a writer fails or the chain is not whole.
    """
    open_database(url).close()
    command = [sys.executable, "-m", "benchmarks.journal", "--write", url]
    processes = [
        subprocess.Popen(
            [*command, str(writer), str(entries), str(batch)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        for writer in range(writers)
    ]
    for process in processes:
        if process.stdout is None or process.stdout.readline() != b"ready\n":
            sys.exit("a writer did not start")
    began = time.perf_counter()
    for process in processes:
        if process.stdin is not None:
            process.stdin.close()
    codes = [process.wait() for process in processes]
    seconds = time.perf_counter() - began
    with open_database(url) as database:
        verdict = verify_journal(SqlJournal(database), {})
    if any(codes) or not isinstance(verdict, Intact) or verdict.head.seq != writers * entries:
        sys.exit(f"the writers ended with {codes}, the journal is {verdict}")
    return writers * entries / seconds


def _write(url: str, writer: str, entries: int, batch: int) -> None:
    agent = Agent(AgentKind.SOFTWARE, "Muniment", "benchmark")
    name = f"maps/writer-{writer}/v1"
    told = [
        Event(
            identifier=event_id(SubmissionId(writer), name, str(number)),
            event_type=EventType.REPLICATION,
            at=datetime.now(UTC),
            object=name,
            outcome=EventOutcome.SUCCESS,
            detail="written to store east",
            note=f"{number} files were read back and matched",
            agent=agent,
        )
        for number in range(entries)
    ]
    with open_database(url) as database:
        journal = SqlJournal(database)
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        sys.stdin.read()
        for start in range(0, entries, batch):
            journal.append(told[start : start + batch])


def _main(arguments: list[str]) -> None:
    if arguments[:1] == ["--write"]:
        _, url, writer, entries, batch = arguments
        _write(url, writer, int(entries), int(batch))
        return
    for url in arguments:
        print(f"{url.partition(':')[0]}: {entries_per_second(url):,.0f} entries a second, {WRITERS} writers")


if __name__ == "__main__":
    _main(sys.argv[1:])
