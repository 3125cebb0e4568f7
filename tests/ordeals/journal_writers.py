"""A process that appends to a journal, for tests in which many do so at once."""

from __future__ import annotations

import sys

from support.records import events

from storage.database.opening import open_database
from storage.journal.sql import SqlJournal

BATCHES = 6
BATCH = 50


def append_batches(url: str, writer: int) -> None:
    """Append every batch twice, as a resumed run would, all about an object of the writer's own.

    Each batch that is safely in is told on stdout.
    """
    with open_database(url) as database:
        journal = SqlJournal(database)
        for batch in range(BATCHES):
            told = events(range(batch * BATCH, (batch + 1) * BATCH), f"maps/writer-{writer}")
            journal.append(told)
            sys.stdout.write(f"{batch}\n")
            sys.stdout.flush()
            journal.append(told)


if __name__ == "__main__":
    append_batches(sys.argv[1], int(sys.argv[2]))
