"""Signed heads outside of database and stores: the memory beside the key, and witnesses elsewhere."""

from __future__ import annotations

import json
import subprocess
import tomllib
from datetime import timedelta
from email.message import EmailMessage
from pathlib import Path

import pytest
from support.commands import invoked
from support.records import MOMENT, events

from flows.alarms.alarm import document_of, text_of
from flows.alarms.alarms import give_notice, outbox_of
from flows.alarms.occasions import head_notice
from flows.archive.journal_check import JournalState, check_journal
from flows.archive.journal_seal import seal, seal_as_job
from flows.installation.init import make_installation
from flows.installation.job_records import record_of
from flows.installation.jobs import Job
from flows.installation.settings_file import load_settings
from flows.installation.wiring import open_installation
from preservation.errors import ConfigurationError, NotFoundError, UnavailableError
from storage.journal.entries import follow
from storage.journal.heads import head_line, sign
from storage.journal.keys import SigningKey, generate_key
from storage.journal.witness import (
    MEMORY_NAME,
    bear_witness,
    begin_memory,
    remember,
    remembered,
    witnessed,
)
from storage.ports.journal import GENESIS, SignedHead


@pytest.fixture
def key(tmp_path: Path) -> SigningKey:
    return generate_key(tmp_path / "keys")


@pytest.fixture
def heads(key: SigningKey) -> list[SignedHead]:
    links = follow(GENESIS, events(range(3)))
    return [sign(head, MOMENT + timedelta(hours=head.seq), key) for head, _ in links]


def test_the_memory_has_the_newest_head_whatever_the_order(heads: list[SignedHead], tmp_path: Path):
    folder = tmp_path / "keys"
    begin_memory(folder)
    assert remembered(folder) == ()
    for head in (heads[0], heads[2], heads[1]):
        remember(folder, head)
    (kept,) = remembered(folder)
    assert kept.signed == heads[2]
    assert str(folder / MEMORY_NAME) in str(kept)


def test_a_damaged_memory_is_no_head_and_says_so(heads: list[SignedHead], tmp_path: Path):
    (tmp_path / "keys" / MEMORY_NAME).write_bytes(head_line(heads[0])[:-40])
    (kept,) = remembered(tmp_path / "keys")
    assert kept.signed == "it is not JSON"


def test_a_witness_is_appended_to_and_never_repeated(heads: list[SignedHead], tmp_path: Path):
    witness = tmp_path / "witness"
    assert [bear_witness(witness, head) for head in (heads[0], heads[0], heads[1])] == [True, False, True]
    with witness.open("ab") as file:
        file.write(head_line(heads[2])[:99])
    assert bear_witness(witness, heads[2])
    assert [kept.signed for kept in witnessed(witness)] == heads
    assert str(witnessed(witness)[2]) == f"witness {witness}, line 4"


def test_a_witness_that_only_takes_what_is_appended_will_do(heads: list[SignedHead], tmp_path: Path):
    witness = tmp_path / "witness"
    witness.touch()
    if subprocess.run(["chattr", "+a", witness], capture_output=True, check=False).returncode:
        pytest.skip("this file system, or this user, has no files that are only appended to")
    try:
        assert bear_witness(witness, heads[0])
        assert not bear_witness(witness, heads[0])
    finally:
        subprocess.run(["chattr", "-a", witness], check=True)


def test_heads_are_found_in_saved_mails_and_in_documents_of_webhooks(heads: list[SignedHead], tmp_path: Path):
    notice = head_notice(heads[1], MOMENT)
    mail = EmailMessage()
    mail.set_content(text_of(notice, "/srv"))
    (tmp_path / "mail").write_text(mail.get_content(), encoding="utf-8")
    (tmp_path / "webhook").write_text(json.dumps(document_of(notice, "/srv")), encoding="utf-8")
    for name in ("mail", "webhook"):
        assert [kept.signed for kept in witnessed(tmp_path / name)] == [heads[1]]


def test_a_file_without_a_head_is_no_witness(tmp_path: Path):
    (tmp_path / "empty").write_text("nothing here")
    for name in ("empty", "absent"):
        with pytest.raises(NotFoundError, match=name):
            witnessed(tmp_path / name)


def test_a_witness_that_cannot_be_written_is_named(heads: list[SignedHead], tmp_path: Path):
    with pytest.raises(UnavailableError, match="the witness cannot be written"):
        bear_witness(tmp_path / "absent" / "witness", heads[0])


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """An installation with a witness, and three entries that are not sealed yet."""
    home = tmp_path / "archive"
    make_installation(home)
    with (home / "muniment.toml").open("a", encoding="utf-8") as settings:
        settings.write(f'\n[witness]\nfiles = ["{tmp_path}/elsewhere/heads"]\nchannels = true\n')
        settings.write('[[alarms.webhook]]\nurl = "http://127.0.0.1:9/muniment"\n')
    (tmp_path / "elsewhere").mkdir()
    with open_installation(load_settings(home)) as opened:
        opened.journal.append(events(range(3)))
    return home


def test_every_sealing_is_witnessed_and_the_journal_is_compared_with_it(home: Path, tmp_path: Path):
    with open_installation(load_settings(home)) as opened:
        seal(opened)
    assert len(witnessed(tmp_path / "elsewhere" / "heads")) == 1
    assert check_journal(load_settings(home)).state is JournalState.INTACT
    (tmp_path / "elsewhere" / "heads").rename(tmp_path / "elsewhere" / "away")
    checked = check_journal(load_settings(home))
    assert checked.state is JournalState.NOT_COMPARED
    assert any("Witness " in sentence for sentence in checked.sentences)
    result = invoked("journal", "verify", "-C", str(home), "--witness", str(tmp_path / "elsewhere" / "away"))
    assert (result.exit_code, result.stdout[:12]) == (6, "NOT COMPARED")


def test_the_job_gives_the_newest_head_to_the_channels_once(home: Path):
    settings = load_settings(home)
    for _ in range(2):
        seal_as_job(settings, lambda signed: give_notice(settings, head_notice(signed, MOMENT)))
    (waiting,) = outbox_of(settings).waiting()
    assert '"seq":3' in waiting.alarm.happened
    assert record_of(Job.SEAL_JOURNAL, settings).fault == ""


def test_a_witness_that_is_away_fails_the_job_and_not_the_sealing(home: Path, tmp_path: Path):
    (tmp_path / "elsewhere").rmdir()
    settings = load_settings(home)
    result = invoked("journal", "seal", "-C", str(home))
    assert (result.exit_code, result.stdout) == (6, "Sealed up to entry 3\n")
    assert "the newest signed head has no witness" in record_of(Job.SEAL_JOURNAL, settings).fault


def test_channels_without_a_channel_are_a_fault_of_the_settings(home: Path):
    file = home / "muniment.toml"
    text = file.read_text(encoding="utf-8").rpartition("[[alarms.webhook]]")[0]
    file.write_text(text, encoding="utf-8")
    assert tomllib.loads(text)["witness"]["channels"]
    settings = load_settings(home)
    with pytest.raises(ConfigurationError, match="no channel is configured"):
        seal_as_job(settings, lambda signed: give_notice(settings, head_notice(signed, MOMENT)))


def test_a_new_installation_is_intact_and_one_that_has_signed_nothing_is_not_compared(tmp_path: Path):
    make_installation(tmp_path / "new")
    assert check_journal(load_settings(tmp_path / "new")).state is JournalState.INTACT
    with open_installation(load_settings(tmp_path / "new")) as opened:
        opened.journal.append(events(range(2)))
    checked = check_journal(load_settings(tmp_path / "new"))
    assert checked.state is JournalState.NOT_COMPARED
    assert (
        "No signed head was checked" in record_of(Job.VERIFY_JOURNAL, load_settings(tmp_path / "new")).fault
    )
