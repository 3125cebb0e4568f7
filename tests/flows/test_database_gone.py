"""The database is gone or locked midway: the run waits and goes on, or is taken up again; nothing twice."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from services import postgres
from services.failing_prefect import at_stage
from support.archives import MUNIMENT, Archive
from support.flow_runs import outcome_of_run, preserved
from support.records import an_event, events

from flows.installation import wiring
from flows.submission.workspace import Ending
from preservation.errors import UnavailableError
from preservation.model.events import Event
from preservation.model.verdicts import Verdict
from storage.database.opening import open_database
from storage.journal.keys import public_keys
from storage.journal.sql import SqlJournal
from storage.journal.verification import Intact, verify_journal
from storage.ports.journal import KeyId

PATIENT = "0.5,1,2,4,8"
"""Seconds, between the tries of a run that shall outlast what we do to its database."""


@pytest.fixture(scope="module")
def made() -> Iterator[postgres.Server]:
    """A server of these tests' own, to be stopped; as safe against power cuts as one in use."""
    with postgres.running(durable=True) as server:
        yield server


@pytest.fixture
def server(made: postgres.Server) -> postgres.Server:
    """The server, running, whatever the test before has left."""
    if not made.is_running:
        made.start()
    return made


@pytest.fixture
def drop(tmp_path: Path) -> Path:
    drop = tmp_path / "drops" / "letters"
    drop.mkdir(parents=True)
    for number in range(3):
        (drop / f"letter {number}.txt").write_text("Dear brother\n" * (number + 1))
    return drop


@dataclass(frozen=True)
class Elsewhere(Archive):
    """An installation whose records are in another database; ``waits`` are those between its tries."""

    url: str = ""
    waits: str = ""

    @property
    def environment(self) -> dict[str, str]:
        """What the command is told by the environment."""
        return {
            **super().environment,
            "MUNIMENT_DATABASE__URL": self.url,
            "MUNIMENT_RETRIES__DATABASE": self.waits,
            "MUNIMENT_RETRIES__LOCAL_WORK": self.waits,
        }


@dataclass(frozen=True)
class Preserving:
    """``muniment preserve`` of one drop; ``waits`` are those between its tries."""

    archive: Archive
    drop: Path
    url: str
    waits: str

    @property
    def _elsewhere(self) -> Elsewhere:
        return Elsewhere(self.archive.directory, self.archive.api_url, self.url, self.waits)

    def here_while_stage(self, stage: str, act: Callable[[], object]) -> Ending:
        """Preserve in this process, do something once as soon as ``stage`` begins, and return its end."""
        left = [act]
        with at_stage(stage, lambda: left.pop()() if left else None):
            [told] = outcome_of_run(self._elsewhere, self.drop).results
        assert not left, f"the stage {stage} never began"
        return told.ending

    def while_stage(self, stage: str, act: Callable[[], object]) -> dict[str, Any]:
        """Preserve, do something as soon as ``stage`` begins, and return what is told of the drop."""
        command = [MUNIMENT, "preserve", self.drop, "--collection", "files", "-C", self.archive.directory]
        with subprocess.Popen(
            [*command, "--json"],
            env=self._elsewhere.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as running:
            assert running.stderr is not None
            assert running.stdout is not None
            acted, lines = False, []
            for line in running.stderr:
                lines.append(line)
                if not acted and f"files/{self.drop.name}: {stage}" in line:
                    acted = True
                    act()
            assert acted, (f"the stage {stage} never began", lines)
            told: dict[str, Any] = json.loads(running.stdout.read())
            return told

    @property
    def keys(self) -> dict[KeyId, Ed25519PublicKey]:
        """The keys that the installation signs with."""
        return public_keys(self.archive.directory / "state" / "keys")

    def require_kept_once(self) -> None:
        """See that the drop is kept exactly once, and that the journal is whole and tells it once."""
        with open_database(self.url) as database:
            journal = SqlJournal(database)
            assert isinstance(verify_journal(journal, self.keys), Intact)
            story = Counter(entry.event_type for entry in journal.about())
        assert (story["accession"], story["replication"]) == (1, 2), story
        kept = self.archive.kept("first")
        assert kept == self.archive.kept("second")
        assert sum("/data/originals/" in key for key in kept) == 3
        assert {key.split("/")[2] for key in kept} == {"v1"}


@pytest.mark.parametrize("stage", ["screen", "register"])
def test_a_server_that_is_stopped_for_a_while_is_waited_for(
    stage: str, installation: Archive, server: postgres.Server, drop: Path
):
    preserving = Preserving(installation, drop, server.new_database(), PATIENT)

    def away_for_a_while() -> None:
        server.stop()
        time.sleep(1)
        server.start()

    ending = preserving.here_while_stage(stage, away_for_a_while)
    assert ending.verdict is Verdict.STORED, ending
    preserving.require_kept_once()


@pytest.mark.in_prefect
def test_a_server_that_stays_away_interrupts_and_the_same_command_goes_on(
    installation: Archive, server: postgres.Server, drop: Path
):
    preserving = Preserving(installation, drop, server.new_database(), "0.1")
    told = preserving.while_stage("replicate", server.crash)
    assert told["verdict"] == "interrupted", told
    assert "Nothing is lost" in told["sentence"] or "preserve it again" in told["sentence"], told
    server.start()
    ending = preserving.here_while_stage("answer", lambda: None)
    assert ending.verdict in {Verdict.STORED, Verdict.ALREADY_KEPT}, ending
    preserving.require_kept_once()


def test_a_connection_that_is_lost_within_an_append_leaves_nothing_behind(server: postgres.Server):
    url = server.new_database()

    def cut_off_after(number: int) -> Iterator[Event]:
        yield from events(range(number))
        server.cut_off_everybody()
        yield an_event(number)

    with open_database(url) as database:
        journal = SqlJournal(database)
        journal.append(events(range(10)))
        with pytest.raises(UnavailableError) as caught:
            journal.append(cut_off_after(1500))
        assert caught.value.retryable
        assert "Pass" not in str(caught.value)
        assert journal.head().seq == 10
        # The same act again, over a connection of its own making.
        assert journal.append(events(range(1501))).entries == 1491
        assert isinstance(verify_journal(journal, {}), Intact)


def test_an_append_whose_answer_was_lost_is_written_once_when_it_is_repeated(server: postgres.Server):
    url = server.new_database()
    with open_database(url) as database:
        journal = SqlJournal(database)
        journal.append(events(range(1500)))
        server.crash()
        with pytest.raises(UnavailableError):
            journal.head()
        server.start()
        # What was told to be in is in, though the server had no time to tidy up.
        assert journal.head().seq == 1500
        assert journal.append(events(range(1500))).entries == 0
        assert journal.append(events(range(1499, 1501))).first_seq == 1501
        assert isinstance(verify_journal(journal, {}), Intact)


@pytest.mark.in_prefect
def test_a_file_that_another_process_has_locked_for_a_while_is_waited_for(installation: Archive, drop: Path):
    file = installation.directory / "state" / "muniment.db"
    other = sqlite3.connect(file, isolation_level=None)
    preserving = Preserving(installation, drop, f"sqlite:///{file}", "0.1")

    def lock_for_a_while() -> None:
        other.execute("BEGIN EXCLUSIVE")
        time.sleep(1)
        other.execute("COMMIT")

    told = preserving.while_stage("register", lock_for_a_while)
    assert told["verdict"] == "stored", told["sentence"]
    preserving.require_kept_once()


LOCKING = """\
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("BEGIN EXCLUSIVE")
print("locked", flush=True)
sys.stdin.read()
"""


@contextmanager
def locker(file: Path) -> Iterator[Callable[[], None]]:
    """Give what has another process lock a database, once, until the context ends."""
    with subprocess.Popen(
        [sys.executable, "-c", f"input()\n{LOCKING}", file],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as other:
        assert other.stdin is not None
        assert other.stdout is not None
        stdin, stdout, locked = other.stdin, other.stdout, False

        def lock() -> None:
            nonlocal locked
            if not locked:  # the stage is tried again
                locked = True
                print(file=stdin, flush=True)
                assert stdout.readline() == "locked\n"

        yield lock
        assert locked


@pytest.mark.parametrize("stage", ["survey", "package", "register", "answer"])
def test_a_file_that_another_process_keeps_locked_interrupts_and_the_same_drop_goes_on(
    stage: str, installation: Archive, ledger: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(wiring, "open_database", partial(open_database, patience=timedelta(seconds=0.1)))
    file = installation.directory / "state" / "muniment.db"
    with locker(file) as lock, at_stage(stage, lock):
        outcome = outcome_of_run(installation, ledger)
    [told] = outcome.results
    assert told.ending.verdict is Verdict.INTERRUPTED, told.ending
    assert "muniment.db: another process has it locked" in told.ending.sentence
    assert "end it, or wait until it ends" in told.ending.sentence
    assert preserved(installation, ledger).ending.verdict is Verdict.STORED
    Preserving(installation, ledger, f"sqlite:///{file}", "").require_kept_once()
