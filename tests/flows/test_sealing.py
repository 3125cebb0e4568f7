"""The journal is signed and given to the stores; a chain that went another way is neither."""

from __future__ import annotations

import errno
import io
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from pathlib import Path

import msgspec
import pytest
from support.records import events

from flows.archive import journal_seal
from flows.archive.journal_check import check_journal
from flows.archive.journal_given import last_signed, record_given
from flows.archive.journal_seal import seal
from flows.installation.init import make_installation
from flows.installation.settings_file import load_settings
from flows.installation.wiring import Installation, open_installation
from preservation.errors import IntegrityError
from preservation.fixity.digesting import ByteStream
from preservation.model.identifiers import StoreName
from preservation.model.paths import StoreKey
from storage.journal.exported import exported_in_stores
from storage.journal.keys import public_keys
from storage.journal.verification import Intact
from storage.journal.witness import MEMORY_NAME
from storage.stores.folder.store import FolderStore


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """An installation that was sealed once, and went on after a backup of its database was made."""
    home = tmp_path / "archive"
    make_installation(home)
    with open_installation(load_settings(home)) as opened:
        opened.journal.append(events(range(3)))
        seal(opened)
    shutil.copy(home / "state" / "muniment.db", home / "backup.db")
    with open_installation(load_settings(home)) as opened:
        opened.journal.append(events(range(3, 5)))
        seal(opened)
    return home


@pytest.fixture
def after_the_backup(home: Path) -> Iterator[Installation]:
    """The installation with its database put back, and something appended since."""
    (home / "backup.db").replace(home / "state" / "muniment.db")
    with open_installation(load_settings(home)) as opened:
        opened.journal.append(events(range(10, 14)))
        yield opened


def sealed_in(installation: Installation) -> list[list[str]]:
    """What each store has, but for its guide."""
    return [
        [kept.key for kept in store.list() if not kept.key.endswith((".txt", ".py"))]
        for store in installation.stores
    ]


def test_every_store_is_given_what_was_signed(home: Path):
    with open_installation(load_settings(home)) as opened:
        assert [signed.head.seq for signed in opened.journal.signed_heads()] == [3, 5]
        first, second = sealed_in(opened)
        assert first == second
        assert [key for key in first if key.endswith(".head.json")] == [
            "_journal/000000001-000000003.head.json",
            "_journal/000000004-000000005.head.json",
        ]


def test_a_chain_that_went_another_way_is_not_signed(after_the_backup: Installation):
    heads, kept = after_the_backup.journal.signed_heads(), sealed_in(after_the_backup)
    with pytest.raises(IntegrityError, match=r"store first.*entry 5.*docs/journal\.md"):
        seal(after_the_backup)
    assert after_the_backup.journal.signed_heads() == heads
    assert sealed_in(after_the_backup) == kept


def test_one_store_that_knows_better_is_enough(after_the_backup: Installation, home: Path):
    shutil.rmtree(home / "stores" / "first" / "_journal")
    with pytest.raises(IntegrityError, match="store second"):
        seal(after_the_backup)
    assert [signed.head.seq for signed in after_the_backup.journal.signed_heads()] == [3]
    assert sealed_in(after_the_backup)[0] == []


def test_where_no_store_knows_better_the_memory_beside_the_key_does(
    after_the_backup: Installation, home: Path
):
    for name in ("first", "second"):
        shutil.rmtree(home / "stores" / name / "_journal")
    with pytest.raises(IntegrityError, match=rf"memory, .*{MEMORY_NAME}: entry 5"):
        seal(after_the_backup)
    assert [signed.head.seq for signed in after_the_backup.journal.signed_heads()] == [3]
    assert sealed_in(after_the_backup) == [[], []]


@pytest.mark.parametrize("lose", [Path.unlink, partial(Path.write_bytes, data=b"")])
def test_a_memory_that_was_lost_is_remarked_on_until_the_next_sealing(
    home: Path, lose: Callable[[Path], object]
):
    settings = load_settings(home)
    assert check_journal(settings).notes == ()
    lose(settings.keys / MEMORY_NAME)
    [remark] = check_journal(settings).notes
    assert str(settings.keys / MEMORY_NAME) in remark
    with open_installation(settings) as opened:
        seal(opened)
    assert check_journal(settings).notes == ()


def test_nothing_is_signed_that_no_store_could_be_asked_about(after_the_backup: Installation, home: Path):
    for name in ("first", "second"):
        (home / "stores" / name).rename(home / "stores" / f"{name}-unplugged")
    seal(after_the_backup)
    assert [signed.head.seq for signed in after_the_backup.journal.signed_heads()] == [3]


def test_a_store_that_was_away_gets_what_it_lacks(home: Path):
    second = home / "stores" / "second"
    away = second.rename(home / "stores" / "unplugged")
    with open_installation(load_settings(home)) as opened:
        opened.journal.append(events(range(5, 7)))
        seal(opened)
        assert opened.journal.signed_heads()[-1].head.seq == 7
        away.rename(second)
        assert not seal(opened).repairs, "it never had what it lacks"
        first, again = sealed_in(opened)
        assert first == again
        lost = next(second.glob("_journal/*7*"))
        lost.unlink()
        [repair] = seal(opened).repairs
        assert "store second lacked 1 sealed segment" in repair


def test_what_another_process_has_signed_and_not_given_yet_is_not_lost(
    home: Path, monkeypatch: pytest.MonkeyPatch
):
    def as_if_killed(*_: object) -> None:
        raise KeyboardInterrupt

    for folder in (home, home.with_name("new")):
        if folder != home:
            make_installation(folder)
        with (
            open_installation(load_settings(folder)) as one,
            open_installation(load_settings(folder)) as other,
        ):
            one.journal.append(events(range(20, 23)))
            with monkeypatch.context() as patched:
                # It has signed, and stands just before the first store.
                patched.setattr(journal_seal, "_published", as_if_killed)
                with pytest.raises(KeyboardInterrupt):
                    seal(one)
            other.journal.append(events(range(23, 26)))
            assert not seal(other).repairs
            assert not seal(one).repairs


def test_what_a_store_lost_is_found_where_an_earlier_release_sealed(home: Path):
    (home / "state" / "journal-given.json").unlink()
    next((home / "stores" / "second").glob("_journal/*5*")).unlink()
    with open_installation(load_settings(home)) as opened:
        [repair] = seal(opened).repairs
    assert "store second lacked" in repair


def test_what_a_store_lost_is_found_whatever_lies_where_it_is_recorded_what_it_was_given(home: Path):
    record = home / "state" / "journal-given.json"
    sound = record.read_bytes()
    texts = (
        b"",
        sound[:-1],
        b"[]",
        b"\xff",
        b'{"first":5,"second":-1}',
        b'{"first":5,"second":"5"}',
        b'{"first":5,"second":99}',
        b'{"first":5,"second":1e99}',
        b"[" * 100_000,
        b" " * (2 << 20) + b'{"first":5,"second":1}',
    )
    lies = [partial(record.write_bytes, text) for text in texts]
    lies += [partial(record.symlink_to, "/dev/zero"), partial(os.mkfifo, record)]
    with open_installation(load_settings(home)) as opened:
        for lie in lies:
            next((home / "stores" / "second").glob("_journal/*5*")).unlink()
            record.unlink()
            lie()
            sealed = seal(opened)
            assert ["store second lacked" in repair for repair in sealed.repairs] == [True]
            assert not sealed.absences
            assert set(msgspec.json.decode(record.read_bytes()).values()) == {last_signed(opened.journal)}


def test_what_a_store_lost_is_found_where_it_cannot_be_read_what_it_was_given(home: Path):
    record = home / "state" / "journal-given.json"
    record.unlink()
    record.mkdir()
    next((home / "stores" / "second").glob("_journal/*5*")).unlink()
    with open_installation(load_settings(home)) as opened:
        sealed = seal(opened)
    assert ["store second lacked" in repair for repair in sealed.repairs] == [True]
    assert "journal-given.json" in sealed.absences[0]


def test_a_record_that_was_lost_while_the_journal_was_sealed_is_begun_with_all_stores(
    home: Path, monkeypatch: pytest.MonkeyPatch
):
    record = home / "state" / "journal-given.json"

    def lost_meanwhile(state: Path, store: StoreName, last: int) -> None:
        record.write_bytes(b"torn")
        record_given(state, store, last)

    with open_installation(load_settings(home)) as opened:
        with monkeypatch.context() as patched:
            patched.setattr(journal_seal, "record_given", lost_meanwhile)
            seal(opened)
        next((home / "stores" / "first").glob("_journal/*5*")).unlink()
        [repair] = seal(opened).repairs
    assert "store first lacked" in repair


class FailingStream:
    """A stream of a disk that fails."""

    def readinto(self, _: bytearray | memoryview, /) -> int | None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))


def giving(monkeypatch: pytest.MonkeyPatch, store: str, suffix: str, stream: ByteStream) -> None:
    """Have the store give ``stream`` for what ends so."""
    sound = FolderStore.open

    def opened(self: FolderStore, key: StoreKey) -> AbstractContextManager[ByteStream]:
        return nullcontext(stream) if self.name == store and key.endswith(suffix) else sound(self, key)

    monkeypatch.setattr(FolderStore, "open", opened)


def test_a_head_that_one_store_cannot_read_is_reported_and_the_others_are_sealed_into(
    home: Path, monkeypatch: pytest.MonkeyPatch
):
    giving(monkeypatch, "first", "000000005.head.json", FailingStream())
    with open_installation(load_settings(home)) as opened:
        opened.journal.append(events(range(5, 7)))
        [absence] = seal(opened).absences
        assert absence.startswith("store first: the journal was not sealed into it: store first: _journal/")
        assert "000000004-000000005.head.json cannot be read: Input/output error" in absence
        assert opened.journal.signed_heads()[-1].head.seq == 7
        first, second = sealed_in(opened)
        assert len(first) < len(second)


def test_a_head_that_is_no_plain_file_any_more_in_one_store_is_given_again_there(home: Path):
    head = home / "stores" / "first" / "_journal" / "000000004-000000005.head.json"
    head.unlink()
    os.mkfifo(head)
    with open_installation(load_settings(home)) as opened:
        opened.journal.append(events(range(5, 7)))
        sealed = seal(opened)
        assert sealed.absences == []
        [repair] = sealed.repairs
        assert "store first had 1 damaged file of the journal" in repair
        first, second = sealed_in(opened)
        assert set(second) < set(first)


def test_a_store_that_gives_back_another_journal_keeps_no_other_from_its_own(
    home: Path, monkeypatch: pytest.MonkeyPatch
):
    with open_installation(load_settings(home)) as opened:
        opened.journal.append(events(range(5, 7)))
        giving(monkeypatch, "first", "000000006-000000007.jsonl", io.BytesIO(b"another"))
        with pytest.raises(IntegrityError, match="store first"):
            seal(opened)
        assert "_journal/000000006-000000007.head.json" in sealed_in(opened)[1]


def test_a_full_disk_of_the_installation_is_not_blamed_on_a_store(home: Path):
    (home / "state" / ".sealing.lock").unlink()
    (home / "state" / ".sealing.lock").mkdir()
    with open_installation(load_settings(home)) as opened:
        opened.journal.append(events(range(5, 7)))
        absences = seal(opened).absences
        assert len(absences) == 2
        assert all(f"{home}/state/.sealing.lock: Is a directory" in one for one in absences)


def test_the_journal_is_restored_from_one_store_where_another_cannot_be_read(
    home: Path, monkeypatch: pytest.MonkeyPatch
):
    giving(monkeypatch, "first", ".jsonl", FailingStream())
    with open_installation(load_settings(home)) as opened:
        exported = exported_in_stores(opened.stores)
        verdict = exported.verify(public_keys(opened.settings.keys))
        assert isinstance(verdict, Intact)
        assert verdict.head.seq == 5
