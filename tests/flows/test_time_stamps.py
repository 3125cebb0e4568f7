"""Time stamps of the journal's signed heads, by a real authority: asked for, kept, given away, checked."""

from __future__ import annotations

import json
import re
import shutil
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from itertools import repeat
from pathlib import Path

import pytest
from rfc3161_client import HashAlgorithm, TimestampRequestBuilder
from services.time_stamping import Answer, Certifier, TimeStampingAuthority, time_stamping
from support.commands import invoked
from support.records import events

from flows.archive import journal_seal, time_stamp_authority
from flows.archive.journal_check import CheckedJournal, JournalState, check_copy, check_journal
from flows.archive.journal_export import export_checked
from flows.archive.journal_seal import SealedJournal, seal, seal_as_job
from flows.installation import wiring
from flows.installation.init import make_installation
from flows.installation.job_records import record_of
from flows.installation.jobs import Job
from flows.installation.settings_file import load_settings
from flows.installation.wiring import now, open_installation
from flows.service.doctor import State, _roots, examine_installation
from preservation.errors import ConfigurationError, UnavailableError
from storage.journal.time_stamps import LARGEST_TOKEN, authority_name, request_for
from storage.journal.witness import MEMORY_NAME

STORES = ("first", "second")
_DOCUMENTED = re.compile(r"```sh\n(for token in .*?)```", re.DOTALL)


@pytest.fixture(scope="module")
def certifier(tmp_path_factory: pytest.TempPathFactory) -> Certifier:
    made = Certifier.made(tmp_path_factory.mktemp("certifier") / "tsa")
    made.certify("tsa")
    return made


@pytest.fixture
def tsa(certifier: Certifier) -> Iterator[TimeStampingAuthority]:
    with time_stamping(certifier) as authority:
        yield authority


def configure(home: Path, *authorities: tuple[str, Path]) -> None:
    """Have the installation ask these authorities, and no others."""
    file = home / "muniment.toml"
    text, _, _ = file.read_text().partition("# asked\n")
    tables = (f'[[witness.authority]]\nurl = "{url}"\nroots = "{roots}"\n' for url, roots in authorities)
    file.write_text(f"{text}# asked\n{''.join(tables)}")


@pytest.fixture
def home(tmp_path: Path, tsa: TimeStampingAuthority) -> Path:
    """An installation with something to sign, that asks the authority."""
    home = tmp_path / "archive"
    make_installation(home)
    configure(home, (tsa.url, tsa.certifier.roots))
    go_on(home, range(3))
    return home


def go_on(home: Path, numbers: range) -> None:
    with open_installation(load_settings(home)) as opened:
        opened.journal.append(events(numbers))


def sealed(home: Path) -> SealedJournal:
    return seal_as_job(load_settings(home), lambda _: None)


def checked(home: Path) -> CheckedJournal:
    return check_journal(load_settings(home))


def holders(home: Path) -> list[Path]:
    return [home / "state" / "time-stamps", *(home / "stores" / store / "_journal" for store in STORES)]


def tokens(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.glob("*.tsr"))}


def verified_by_openssl(project: Path, folder: Path, roots: Path) -> str:
    """What the recipe of docs/journal.md says in a folder."""
    [recipe] = _DOCUMENTED.findall((project / "docs" / "journal.md").read_text("utf-8"))
    command = recipe.replace("ROOTS.pem", str(roots))
    done = subprocess.run(["sh", "-c", command], cwd=folder, capture_output=True, text=True, check=False)
    return done.stdout


def flip(path: Path, at: int = -20) -> None:
    """Have a disk change one bit of a file."""
    content = bytearray(path.read_bytes())
    content[at] ^= 1
    path.chmod(0o600)
    path.write_bytes(content)


def test_the_newest_head_is_stamped_once_and_every_holder_has_the_token_that_openssl_verifies(
    home: Path, tsa: TimeStampingAuthority, project: Path
):
    first = sealed(home)
    assert (first.absences, first.repairs) == ([], [])
    assert [stamp.authority for stamp in first.stamps] == ["CN=Example tsa"]
    name = f"000000001-000000003.{authority_name(tsa.url)}.tsr"
    ours, *stores = map(tokens, holders(home))
    assert list(ours) == [name]
    assert stores == [ours, ours]
    for store in holders(home)[1:]:
        assert verified_by_openssl(project, store, tsa.certifier.roots).split() == [
            name,
            "Verification:",
            "OK",
        ]
    assert sealed(home).stamps == first.stamps
    assert len(tsa.asked) == 1
    go_on(home, range(3, 5))
    assert sealed(home).stamps[0].signed.head.seq == 5
    assert len(tsa.asked) == 2
    assert len(tokens(holders(home)[2])) == 2


def test_the_check_says_when_the_entries_existed_and_by_whose_word(home: Path, tsa: TimeStampingAuthority):
    sealed(home)
    found = checked(home)
    assert found.state is JournalState.INTACT
    [sentence] = [one for one in found.sentences if "existed at" in one]
    roots = re.escape(str(tsa.certifier.roots))
    assert re.fullmatch(
        rf"entries up to 3 existed at {now():%Y-%m-%d} \d\d:\d\d:\d\d UTC, says CN=Example tsa "
        rf"\(its certificate leads to {roots}\)",
        sentence,
    )


def test_a_seal_that_is_no_job_asks_no_authority(home: Path, tsa: TimeStampingAuthority):
    with open_installation(load_settings(home)) as opened:
        assert seal(opened).stamps == ()
    assert tsa.asked == []


def test_where_no_authority_is_configured_nothing_is_asked_kept_or_said(
    home: Path, tsa: TimeStampingAuthority
):
    configure(home)
    assert sealed(home).stamps == ()
    assert tsa.asked == []
    assert not (home / "state" / "time-stamps").exists()
    assert not any("time stamp" in sentence or "existed" in sentence for sentence in checked(home).sentences)


def html(_: bytes) -> Answer:
    return 200, [b"<html><body>busy</body></html>"]


def failing(_: bytes) -> Answer:
    return 503, [b"busy"]


def redirecting(_: bytes) -> Answer:
    return 302, []


def endless(_: bytes) -> Answer:
    return 200, repeat(b"\x30" * 4096)


def trickling(_: bytes) -> Answer:
    def pieces() -> Iterator[bytes]:
        for _ in range(200):
            time.sleep(0.05)
            yield b"\x30"

    return 200, pieces()


def of_another_nonce(tsa: TimeStampingAuthority, home: Path, _: bytes) -> Answer:
    with open_installation(load_settings(home)) as opened:
        [newest] = opened.journal.signed_heads()
    return tsa.stamped(request_for(newest).as_bytes())


def of_other_bytes(tsa: TimeStampingAuthority, _: Path, query: bytes) -> Answer:
    # The digest stands before the nonce, which stays as it was.
    at = query.index(b"\x04\x20") + 2
    return tsa.stamped(query[:at] + bytes(32) + query[at + 32 :])


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (html, "not the answer of a time stamping authority"),
        (failing, "it answered 503"),
        (redirecting, "it answered 302"),
        (endless, f"more than {LARGEST_TOKEN:,} bytes"),
        (trickling, "did not answer within"),
        (of_another_nonce, "Nonce mismatch"),
        (of_other_bytes, "Mismatch between messages"),
    ],
    ids=lambda one: getattr(one, "__name__", ""),
)
def test_an_answer_that_is_no_sound_token_is_an_absence_and_nothing_is_kept(
    fault: Callable[..., Answer],
    said: str,
    home: Path,
    tsa: TimeStampingAuthority,
    monkeypatch: pytest.MonkeyPatch,
):
    if fault is trickling:
        monkeypatch.setattr(time_stamp_authority, "SECONDS", 2.0)
    tsa.fault = fault if fault.__code__.co_argcount == 1 else lambda query: fault(tsa, home, query)
    [absence] = sealed(home).absences
    assert absence.startswith(f"the newest signed head is not time-stamped: no time stamp from {tsa.url}: ")
    assert said in absence
    assert absence in record_of(Job.SEAL_JOURNAL, load_settings(home)).fault
    assert not any(map(tokens, holders(home)))
    found = checked(home)
    assert (found.state, found.tokens.sound) == (JournalState.INTACT, {})
    assert not any("existed at" in sentence for sentence in found.sentences)
    # It is asked again, and by then the authority is well.
    tsa.fault = None
    assert sealed(home).absences == []
    assert all(map(tokens, holders(home)))


def test_an_authority_whose_certificate_leads_elsewhere_or_that_is_down_is_an_absence(
    home: Path, tsa: TimeStampingAuthority, tmp_path: Path
):
    stranger = Certifier.made(tmp_path / "stranger", "Another root")
    configure(home, (tsa.url, stranger.roots), ("http://127.0.0.1:1/", tsa.certifier.roots))
    elsewhere, down = sealed(home).absences
    assert "its answer does not hold: Verify error: unable to get local issuer" in elsewhere
    assert "no time stamp from http://127.0.0.1:1/: " in down
    assert not any(map(tokens, holders(home)))


def test_one_authority_of_two_is_down_and_the_other_stamps(home: Path, tsa: TimeStampingAuthority):
    configure(home, ("http://127.0.0.1:1/", tsa.certifier.roots), (tsa.url, tsa.certifier.roots))
    result = sealed(home)
    assert len(result.absences) == len(result.stamps) == 1


def test_roots_that_are_gone_make_an_absence_and_what_they_would_vouch_for_is_not_checked(
    home: Path, tsa: TimeStampingAuthority, tmp_path: Path
):
    roots = Path(shutil.copy(tsa.certifier.roots, tmp_path / "roots.pem"))
    configure(home, (tsa.url, roots))
    sealed(home)
    roots.unlink()
    go_on(home, range(3, 5))
    [absence] = sealed(home).absences
    assert f"{roots}: the root certificates of a time stamping authority cannot be read" in absence
    found = checked(home)
    assert found.state is JournalState.NOT_COMPARED
    assert (found.tokens.sound, found.tokens.unchecked) == ({}, 1)
    [told] = [
        one for one in examine_installation(load_settings(home)) if one.what == f"time stamps by {tsa.url}"
    ]
    assert told.state is State.MISSING
    shutil.copy(tsa.certifier.roots, roots)
    [told] = [
        one for one in examine_installation(load_settings(home)) if one.what == f"time stamps by {tsa.url}"
    ]
    assert (told.state, told.detail) == (State.OK, f"1 root certificate in {roots}")
    assert len(tsa.asked) == 1


def test_roots_that_have_expired_are_no_sound_ones_to_the_doctor(
    tsa: TimeStampingAuthority, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(wiring, "now", lambda: now() + timedelta(days=3))
    with pytest.raises(UnavailableError, match="none of its root certificates is valid today"):
        _roots(tsa.certifier.roots)


def test_a_store_that_was_away_gets_the_token_later(home: Path):
    store = home / "stores" / "second"
    away = store.rename(home / "away")
    assert len(sealed(home).absences) == 1
    away.rename(store)
    found = checked(home)
    assert found.state is JournalState.NOT_COMPARED
    assert any("store second" in one.lower() and "lacks 1 time stamp" in one for one in found.sentences)
    assert any("store second lacked 1 time stamp" in one for one in sealed(home).repairs)
    assert checked(home).state is JournalState.INTACT


@pytest.mark.parametrize("number", range(3), ids=["the installation", *STORES])
def test_a_token_that_a_disk_changed_is_found_and_given_once_more_beside(home: Path, number: int):
    sealed(home)
    folder = holders(home)[number]
    [name] = tokens(folder)
    sound = tokens(folder)[name]
    flip(folder / name)
    damaged = tokens(folder)[name]
    found = checked(home)
    assert found.state is JournalState.DISAGREES
    [finding] = found.findings
    assert (finding.kind, name in finding.message) == ("time-stamp", True)
    assert found.tokens.newest is not None
    [repair] = sealed(home).repairs
    assert "had 1 damaged time stamp" in repair
    assert tokens(folder) == {name: damaged, name.replace(".tsr", ".2.tsr"): sound}
    assert checked(home).state is JournalState.INTACT


def test_a_token_that_every_holder_has_damaged_is_asked_for_again(home: Path, tsa: TimeStampingAuthority):
    sealed(home)
    for folder in holders(home):
        flip(folder / next(iter(tokens(folder))))
    assert len(checked(home).findings) == 3
    assert sealed(home).absences == []
    assert len(tsa.asked) == 2
    assert checked(home).state is JournalState.INTACT


def test_two_that_seal_at_once_ask_once(home: Path, tsa: TimeStampingAuthority):
    with open_installation(load_settings(home)) as opened:
        seal(opened)
    with ThreadPoolExecutor(2) as threads:
        both = list(threads.map(sealed, [home, home]))
    assert [(one.absences, one.repairs, len(one.stamps)) for one in both] == [([], [], 1)] * 2
    assert len(tsa.asked) == 1


def test_what_the_installation_lost_comes_back_from_the_stores(home: Path, tsa: TimeStampingAuthority):
    sealed(home)
    before = tokens(holders(home)[1])
    shutil.rmtree(holders(home)[0])
    assert checked(home).tokens.newest is not None
    [repair] = sealed(home).repairs
    assert "the installation lacked 1 time stamp" in repair
    assert tokens(holders(home)[0]) == before
    assert len(tsa.asked) == 1


def test_tokens_that_are_exchanged_between_heads_hold_for_neither(home: Path):
    sealed(home)
    go_on(home, range(3, 5))
    sealed(home)
    for folder in holders(home):
        one, other = (folder / name for name in tokens(folder))
        one.rename(folder / "aside")
        other.rename(one)
        (folder / "aside").rename(other)
    found = checked(home)
    assert found.state is JournalState.DISAGREES
    assert len(found.findings) == 6
    assert all("is of other bytes than the signed head of entry" in one.message for one in found.findings)
    assert found.tokens.newest is None


def rewrite_by_a_stolen_key(home: Path, monkeypatch: pytest.MonkeyPatch, years: int) -> None:
    """Put a sound chain with other entries in the journal's place, signed with its key, as if years ago."""
    settings = load_settings(home)
    with sqlite3.connect(home / "state" / "muniment.db") as connection:
        for verb in ("UPDATE", "DELETE"):
            connection.execute(f"DROP TRIGGER IF EXISTS journal_is_append_only_{verb}")
        connection.execute("DELETE FROM journal")
        connection.execute("DELETE FROM journal_signed_heads")
        connection.execute("UPDATE journal_head SET seq = 0, hash = ?", ("0" * 64,))
    (settings.keys / MEMORY_NAME).write_bytes(b"")
    (settings.state / "journal-given.json").unlink()
    for folder in holders(home)[1:]:
        for path in (*folder.glob("*.jsonl"), *folder.glob("*.head.json")):
            path.unlink()
    with monkeypatch.context() as patched, open_installation(settings) as opened:
        patched.setattr(journal_seal, "now", lambda: now() - timedelta(days=365 * years))
        opened.journal.append(events(range(100, 103)))
        assert seal(opened).absences == []


def test_a_journal_that_is_written_anew_with_a_stolen_key_contradicts_its_time_stamps(
    home: Path, monkeypatch: pytest.MonkeyPatch
):
    sealed(home)
    rewrite_by_a_stolen_key(home, monkeypatch, 0)
    found = checked(home)
    assert found.state is JournalState.DISAGREES
    assert all("is of other bytes than the signed head of entry 3" in one.message for one in found.findings)
    assert len(found.findings) == 3


def test_a_head_that_is_dated_back_with_a_stolen_key_gets_no_time_stamp_of_that_time(
    home: Path, tsa: TimeStampingAuthority, monkeypatch: pytest.MonkeyPatch
):
    sealed(home)
    for folder in holders(home):
        for path in folder.glob("*.tsr"):
            path.unlink()
    rewrite_by_a_stolen_key(home, monkeypatch, 4)
    found = checked(home)
    assert not any("existed at" in sentence for sentence in found.sentences)
    assert sealed(home).absences == []
    assert len(tsa.asked) == 2
    told = " ".join(checked(home).sentences)
    assert f"entries up to 3 existed at {now():%Y-%m-%d}" in told
    assert (
        "1 time stamp long after the time at which the head says to have been signed, the first of entry 3"
        in told
    )


def test_a_head_that_is_dated_later_than_it_was_stamped_is_told(home: Path, monkeypatch: pytest.MonkeyPatch):
    with monkeypatch.context() as patched:
        patched.setattr(journal_seal, "now", lambda: now() + timedelta(hours=1))
        sealed(home)
    [note] = [one for one in checked(home).notes if "time stamp" in one]
    assert note.startswith("1 time stamp before the time at which the head says to have been signed")


def test_a_token_that_leads_to_no_roots_that_are_configured_is_never_called_verified(
    home: Path, tsa: TimeStampingAuthority
):
    sealed(home)
    configure(home)
    found = checked(home)
    assert found.state is JournalState.INTACT
    assert (found.tokens.newest, found.tokens.unchecked) == (None, 1)
    assert any("1 time stamp NOT checked" in sentence for sentence in found.sentences)
    # Without any roots a token of other bytes is found all the same.
    other = TimestampRequestBuilder(b"other", HashAlgorithm.SHA256).build().as_bytes()
    for folder in holders(home):
        path = folder / next(iter(tokens(folder)))
        path.chmod(0o600)
        path.write_bytes(tsa.certifier.reply(other))
    assert checked(home).state is JournalState.DISAGREES


def test_an_export_has_the_tokens_their_heads_and_roots_and_is_checked_by_anyone(
    home: Path, project: Path, tmp_path: Path
):
    sealed(home)
    go_on(home, range(3, 5))
    sealed(home)
    target = tmp_path / "export"
    exported = export_checked(load_settings(home), target)
    assert exported.checked.state is JournalState.INTACT
    assert len(exported.checked.tokens.sound) == 2
    assert tokens(target) == tokens(holders(home)[0])
    assert verified_by_openssl(project, target, target / "time-stamp-roots.pem").count("OK") == 2
    readme = (target / "README.txt").read_text("utf-8")
    assert "Time stamps: 2." in readme
    assert "-CAfile time-stamp-roots.pem" in readme
    done = subprocess.run(
        [sys.executable, "check_journal.py"], cwd=target, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0
    assert "2 signed heads agree with it" in done.stdout
    assert "Time stamps beside it, NOT checked here: 2." in done.stdout
    assert check_copy(target, load_settings(home)).tokens.newest is not None
    flip(next(target.glob("*.tsr")))
    assert check_copy(target, load_settings(home)).state is JournalState.DISAGREES
    assert verified_by_openssl(project, target, target / "time-stamp-roots.pem").count("OK") == 1


def test_a_copy_outside_of_an_installation_has_its_time_stamps_not_checked(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    sealed(home)
    copy = Path(shutil.copytree(holders(home)[1], tmp_path / "elsewhere" / "_journal"))
    monkeypatch.chdir(copy)
    result = invoked("journal", "verify", "--from", str(copy), "--json")
    assert result.exit_code == 0
    told = json.loads(result.stdout)
    assert told["time_stamps"] == {"hold": 0, "not_checked": 1, "newest": None}
    assert "NOT checked" in " ".join(told["notes"])


def test_the_verbs_say_it_to_people_and_to_programs(home: Path, tsa: TimeStampingAuthority):
    result = invoked("journal", "seal", "-C", str(home))
    assert "time-stamped" in result.stdout
    [stamp] = json.loads(invoked("journal", "seal", "-C", str(home), "--json").stdout)["time_stamps"]
    assert stamp == {
        "seq": 3,
        "at": stamp["at"],
        "authority": "CN=Example tsa",
        "roots": str(tsa.certifier.roots),
    }
    told = json.loads(invoked("journal", "verify", "-C", str(home), "--json").stdout)
    assert told["time_stamps"] == {"hold": 1, "not_checked": 0, "newest": stamp}
    from_store = ["journal", "verify", "-C", str(home), "--from", str(holders(home)[1]), "--json"]
    assert json.loads(invoked(*from_store).stdout)["time_stamps"]["newest"] == stamp


@pytest.mark.parametrize(
    "url",
    ["ftp://tsa.example.org/", "https://user:secret@tsa.example.org/", "https://tsa.example.org/?key=1", ""],
)
def test_an_authority_is_named_by_a_plain_url(home: Path, url: str):
    configure(home, (url, Path("roots.pem")))
    with pytest.raises(ConfigurationError, match=r"witness\.authority\.0\.url"):
        load_settings(home)


def test_an_authority_is_named_once(home: Path, tsa: TimeStampingAuthority):
    configure(home, *[(tsa.url, tsa.certifier.roots)] * 2)
    with pytest.raises(ConfigurationError, match="more than one time stamping authority is called"):
        load_settings(home)
