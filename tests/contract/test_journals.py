"""What every journal must do, the one in memory first."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from ordeals import journal_writers
from services.databases import ENGINES, database_url
from support.memory_journal import MemoryJournal
from support.records import MOMENT, an_event, events
from support.scripts import with_tests_on_path

from preservation.errors import IntegrityError
from preservation.model.events import EventType
from storage.database.opening import open_database
from storage.journal.heads import is_signed
from storage.journal.keys import SigningKey, key_id
from storage.journal.segments import sign_head
from storage.journal.sql import SqlJournal
from storage.journal.verification import Intact, verify_journal
from storage.ports.journal import GENESIS, Journal

KEY = SigningKey(
    key_id(Ed25519PrivateKey.from_private_bytes(b"k" * 32).public_key()),
    Ed25519PrivateKey.from_private_bytes(b"k" * 32),
)
KEYS = {KEY.identifier: KEY.private.public_key()}


@pytest.fixture(params=["memory", *ENGINES])
def journal(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Journal]:
    if request.param == "memory":
        yield MemoryJournal()
    else:
        with open_database(database_url(request.param, request, tmp_path)) as database:
            yield SqlJournal(database)


def test_an_empty_journal_stands_at_its_beginning(journal: Journal):
    assert journal.head() == GENESIS
    assert list(journal.lines()) == []
    assert list(journal.about()) == []


def test_entries_of_a_type_are_found_whatever_others_say_of_it(journal: Journal):
    removed = replace(an_event(1), event_type=EventType.DELETION)
    mentioned = an_event(2, note='"event_type":"deletion"')
    restored = replace(an_event(3), event_type=EventType.DISSEMINATION)
    journal.append([removed, mentioned, restored])
    both = {EventType.DELETION, EventType.DISSEMINATION}
    assert [entry.seq for entry in journal.of_types({EventType.DELETION})] == [1]
    assert [entry.seq for entry in journal.of_types(both)] == [1, 3]
    assert [entry.seq for entry in journal.of_types(both, restored.at)] == [3]
    assert list(journal.of_types({EventType.FIXITY_CHECK})) == []


def test_entries_are_numbered_from_1_without_a_gap(journal: Journal):
    appended = journal.append(events(range(3)))
    assert (appended.first_seq, appended.head.seq, appended.entries) == (1, 3, 3)
    again = journal.append(events(range(3, 5)))
    assert (again.first_seq, again.head.seq) == (4, 5)
    assert again.head == journal.head()
    assert [entry.seq for entry in journal.about()] == [1, 2, 3, 4, 5]


def test_an_event_comes_back_as_it_was_told(journal: Journal):
    told = replace(an_event(1), note='He said: "Übersicht"\n\N{WHITE SMILING FACE}\u2028', detail="\\")
    journal.append([told])
    (entry,) = journal.about()
    assert (entry.identifier, entry.at, entry.object) == (told.identifier, told.at, told.object)
    assert (entry.event_type, entry.outcome) == ("replication", "success")
    assert (entry.detail, entry.note) == (told.detail, told.note)
    assert (entry.agent_kind, entry.agent_name, entry.agent_version) == ("software", "Muniment", "0.1.0")
    assert entry.previous == GENESIS.hash


def test_what_no_text_can_carry_is_recorded_as_escapes(journal: Journal):
    name = os.fsdecode(b"maps/caf\xe9\0")
    journal.append([replace(an_event(1), object=name, note="\0")])
    (entry,) = journal.about(name)
    assert entry.object == "maps/caf\\udce9\\x00"
    assert isinstance(verify_journal(journal, {}), Intact)


def test_an_event_told_twice_is_written_once_and_the_first_telling_stands(journal: Journal):
    journal.append(events([1, 2, 2]))
    later = replace(an_event(2), at=MOMENT + timedelta(days=1), note="told again")
    appended = journal.append([later, an_event(3)])
    assert appended.entries == 1
    assert [entry.detail for entry in journal.about()] == ["act 1", "act 2", "act 3"]
    assert [entry.note for entry in journal.about()] == ["done"] * 3


def test_nothing_new_appends_nothing(journal: Journal):
    journal.append(events(range(3)))
    head = journal.head()
    assert journal.append(events(range(3))).entries == 0
    assert journal.append([]).entries == 0
    assert journal.head() == head


def test_a_batch_is_appended_whole_or_not_at_all(journal: Journal):
    broken = [*events(range(1500)), replace(an_event(1500), at=MOMENT.replace(tzinfo=None))]
    with pytest.raises(ValueError, match="no time zone"):
        journal.append(broken)
    assert journal.head() == GENESIS


def test_lines_are_a_chain_that_verifies_whatever_the_size_of_the_batches(journal: Journal):
    journal.append(events(range(1001)))
    journal.append(events(range(1001, 2010)))
    verdict = verify_journal(journal, KEYS)
    assert isinstance(verdict, Intact)
    assert verdict.head == journal.head()
    assert verdict.head.seq == 2010
    assert list(journal.lines(after=2005)) == list(journal.lines())[2005:]


def test_the_story_of_an_object_holds_its_versions_and_files_and_no_neighbour(journal: Journal):
    subjects = ["maps/a", "maps/a/v1", "maps/ab", "maps/a/v1/data/originals/x.tif", "maps/b/v1", "album"]
    journal.append(an_event(number, subject) for number, subject in enumerate(subjects))
    assert [entry.object for entry in journal.about("maps/a")] == [subjects[0], subjects[1], subjects[3]]
    assert [entry.object for entry in journal.about("maps/a/v1")] == [subjects[1], subjects[3]]
    assert [entry.object for entry in journal.about("maps")] == subjects[:5]
    assert [entry.object for entry in journal.about("maps/a", limit=2)] == [subjects[1], subjects[3]]
    assert [entry.object for entry in journal.about(limit=1)] == ["album"]
    assert list(journal.about("maps/c")) == []
    several = journal.about_any(["maps/b", "maps/a", "maps/c"])
    assert [entry.object for entry in several] == [*subjects[:2], *subjects[3:5]]
    assert list(journal.about_any([])) == []


def test_a_signed_head_is_kept_and_vouches_for_the_chain(journal: Journal):
    journal.append(events(range(3)))
    signed = sign_head(journal, KEY, MOMENT)
    assert signed is not None
    assert signed.head == journal.head()
    assert is_signed(signed, KEYS)
    assert journal.signed_heads() == (signed,)
    journal.append(events(range(3, 5)))
    later = sign_head(journal, KEY, MOMENT + timedelta(hours=1))
    assert journal.signed_heads() == (signed, later)
    verdict = verify_journal(journal, KEYS)
    assert isinstance(verdict, Intact)
    assert verdict.signed == later


def test_nothing_new_is_not_signed_again(journal: Journal):
    assert sign_head(journal, KEY, MOMENT) is None
    journal.append(events(range(3)))
    signed = sign_head(journal, KEY, MOMENT)
    assert sign_head(journal, KEY, MOMENT + timedelta(hours=1)) == signed
    assert journal.signed_heads() == (signed,)


def test_heads_are_kept_in_the_order_of_the_chain(journal: Journal):
    journal.append(events(range(3)))
    early = sign_head(MemoryJournalOf(journal), KEY, MOMENT)
    assert early is not None
    journal.append(events(range(3, 5)))
    late = sign_head(journal, KEY, MOMENT)
    assert journal.keep_head(early) == late
    assert journal.signed_heads() == (late,)


def test_a_journal_is_restored_from_its_lines_and_heads(journal: Journal):
    origin = MemoryJournal()
    origin.append(events(range(1500)))
    sign_head(origin, KEY, MOMENT)
    assert journal.restore(origin.lines(), origin.signed_heads()) == origin.head()
    assert list(journal.lines()) == list(origin.lines())
    assert isinstance(verify_journal(journal, KEYS), Intact)
    assert journal.append(events(range(1501))).first_seq == 1501
    with pytest.raises(IntegrityError, match="does not continue"):
        journal.restore(origin.lines(), ())


def test_a_journal_that_lost_its_end_goes_on_from_a_copy(journal: Journal):
    origin = MemoryJournal()
    origin.append(events(range(3)))
    first = sign_head(origin, KEY, MOMENT)
    journal.restore(origin.lines(), origin.signed_heads())
    origin.append(events(range(3, 1500)))
    second = sign_head(origin, KEY, MOMENT + timedelta(hours=1))
    assert journal.restore(origin.lines(), origin.signed_heads()) == origin.head()
    assert list(journal.lines()) == list(origin.lines())
    assert journal.signed_heads() == (first, second)
    assert isinstance(verify_journal(journal, KEYS), Intact)


def test_signed_heads_that_were_lost_are_put_back_in_their_order_and_the_others_stay(journal: Journal):
    origin = MemoryJournal()
    for number in range(3):
        origin.append(events([number]))
        sign_head(origin, KEY, MOMENT + timedelta(hours=number))
    first, second, third = origin.signed_heads()
    journal.restore(origin.lines(), [second])
    other = replace(second, at=MOMENT + timedelta(days=1))
    assert set(journal.put_back_heads([third, other, first])) == {first, third}
    assert journal.signed_heads() == (first, second, third)
    assert journal.put_back_heads([first, second, third]) == ()


def test_a_journal_that_went_another_way_is_not_joined_with_a_copy(journal: Journal):
    origin = MemoryJournal()
    origin.append(events(range(5)))
    journal.append(events([0, 1, 7]))
    with pytest.raises(IntegrityError, match="has 3 entries"):
        journal.restore(origin.lines(), ())
    assert journal.head().seq == 3


def a_writer(url: str, writer: int, project: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, journal_writers.__file__, url, str(writer)],
        cwd=project,
        env=with_tests_on_path(),
        stdout=subprocess.PIPE,
        text=True,
    )


def killed_after(batches: int, writer: subprocess.Popen[str]) -> int:
    """Kill a writer as soon as it has told of so many batches, with another one half written."""
    assert writer.stdout is not None
    for _ in range(batches):
        assert writer.stdout.readline()
    writer.kill()
    # What it had told before it was gone.
    return batches + len(writer.communicate()[0].splitlines())


@pytest.mark.parametrize("engine", ENGINES)
def test_eight_processes_keep_one_chain_also_where_some_are_killed(
    engine: str, request: pytest.FixtureRequest, tmp_path: Path, project: Path
):
    url = database_url(engine, request, tmp_path)
    # None of them finds a schema: they make it at once, too.
    writers = [a_writer(url, writer, project) for writer in range(8)]
    done = {writer: killed_after(1 + writer // 2, writers[writer]) for writer in (1, 3, 5, 7)}
    for writer in (0, 2, 4, 6):
        writers[writer].communicate()
        assert writers[writer].returncode == 0
    each = journal_writers.BATCHES * journal_writers.BATCH
    with open_database(url) as database:
        journal = SqlJournal(database)
        assert isinstance(verify_journal(journal, {}), Intact)
        for writer, batches in done.items():
            entries = len(list(journal.about(f"maps/writer-{writer}")))
            # A batch is there whole or not at all, and what was told to be there is.
            assert entries in range(batches * journal_writers.BATCH, each + 1, journal_writers.BATCH)
        again = [a_writer(url, writer, project) for writer in done]
        for resumed in again:
            resumed.communicate()
            assert resumed.returncode == 0
        verdict = verify_journal(journal, {})
        assert isinstance(verdict, Intact)
        assert verdict.head.seq == 8 * each
        for writer in range(8):
            told = [entry.detail for entry in journal.about(f"maps/writer-{writer}")]
            assert told == [f"act {number}" for number in range(each)]


class MemoryJournalOf(MemoryJournal):
    """A copy of a journal as it stands: what another process saw a moment ago."""

    def __init__(self, journal: Journal) -> None:
        super().__init__()
        self.restore(journal.lines(), journal.signed_heads())
