"""The tokens that are kept: which files are some, which of several copies counts; nothing is overwritten."""

from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path

import pytest
from support.records import MOMENT, events

from storage.journal.entries import follow
from storage.journal.heads import sign
from storage.journal.keys import generate_key
from storage.journal.time_stamps import LARGEST_TOKEN, TimeStamp, authority_name
from storage.journal.tokens import (
    EARLIER,
    LATER,
    CheckedToken,
    CheckedTokens,
    KeptToken,
    check_tokens,
    keep_token,
    lacking,
    tokens_in_folder,
)
from storage.ports.journal import GENESIS, SignedHead

ONE, OTHER = map(authority_name, ("https://one.example.org/", "https://other.example.org/"))
NAME = f"000000001-000000001.{ONE}.tsr"


@pytest.fixture
def heads(tmp_path: Path) -> list[SignedHead]:
    key = generate_key(tmp_path / "keys")
    return [sign(head, MOMENT, key) for head, _ in follow(GENESIS, events(range(2)))]


def a_token(
    signed: SignedHead,
    *,
    after: timedelta | None = None,
    fault: str = "",
    holder: str = "store east",
    authority: str = ONE,
) -> CheckedToken:
    """One that says to be made ``after`` its head, or one that does not hold, or that was not checked."""
    stamp = None if after is None else TimeStamp(signed, signed.at + after, "CN=One", "roots.pem")
    kept = KeptToken(holder, f"000000001-{signed.head.seq:09d}.{authority}.tsr", f"{after}{fault}".encode())
    return CheckedToken(kept, signed, stamp, fault)


def test_what_is_not_called_as_a_token_is_none(tmp_path: Path):
    folder = tmp_path / "tokens"
    folder.mkdir()
    for name in (
        f"{NAME}.part",
        "1-1.tsr",
        NAME.replace("tsa-", "tsb-"),
        "000000001-000000001.tsr",
        "x\n.tsr",
    ):
        (folder / name).write_bytes(b"")
    assert tokens_in_folder(folder, "here") == ()
    assert tokens_in_folder(tmp_path / "nowhere", "here") == ()


def test_a_token_that_is_no_plain_file_or_too_large_does_not_hold(tmp_path: Path, heads: list[SignedHead]):
    folder = tmp_path / "tokens"
    folder.mkdir()
    os.mkfifo(folder / NAME)
    (folder / f"000000002-000000002.{ONE}.tsr").write_bytes(bytes(LARGEST_TOKEN + 9))
    found = check_tokens(tokens_in_folder(folder, "here"), heads, {})
    first, second = (one.message for one in found.findings)
    assert "it is no plain file" in first
    assert "as no token has" in second


def test_a_token_whose_head_is_not_known_does_not_hold(heads: list[SignedHead]):
    name = f"000000001-000000009.{ONE}.tsr"
    (finding,) = check_tokens([KeptToken("here", name, b"")], heads, {}).findings
    assert "there is no signed head of entry 9" in finding.message


def test_nothing_is_overwritten(tmp_path: Path):
    for content in (b"first", b"second", b"third"):
        keep_token(tmp_path, NAME, content)
    kept = tokens_in_folder(tmp_path, "here")
    assert {one.token for one in kept} == {b"first", b"second", b"third"}
    assert {one.first_name for one in kept} == {NAME}
    assert (tmp_path / NAME).read_bytes() == b"first"


def test_a_copy_that_holds_is_enough_for_a_holder_and_the_others_lack_it(heads: list[SignedHead]):
    good = a_token(heads[0], after=timedelta())
    bad = a_token(heads[0], fault="flipped")
    elsewhere = a_token(heads[0], fault="flipped", holder="store west")
    checked = CheckedTokens((bad, good, elsewhere))
    assert [one.about for one in checked.findings] == [f"store west: {NAME}"]
    assert list(lacking([bad, good], checked.sound)) == []
    assert list(lacking([elsewhere], checked.sound)) == [(NAME, good.kept.token, True)]
    assert list(lacking([], checked.sound)) == [(NAME, good.kept.token, False)]


def test_the_newest_is_the_earliest_word_on_the_last_entry_that_holds(heads: list[SignedHead]):
    second = timedelta(seconds=1)
    tokens = (
        a_token(heads[0], after=timedelta()),
        a_token(heads[1], after=3 * second),
        a_token(heads[1], after=2 * second, authority=OTHER),
    )
    assert CheckedTokens(tokens).newest == tokens[2].stamp
    assert CheckedTokens((tokens[0], a_token(heads[1], fault="flipped"))).newest == tokens[0].stamp
    assert CheckedTokens((a_token(heads[1]),)).newest is None


@pytest.mark.parametrize(
    ("after", "told"),
    [(-EARLIER, ""), (LATER, ""), (-EARLIER - timedelta(seconds=1), "before"), (LATER * 2, "long after")],
)
def test_a_time_that_contradicts_its_heads_is_told_beyond_the_allowance(
    after: timedelta, told: str, heads: list[SignedHead]
):
    notes = CheckedTokens((a_token(heads[0], after=after),)).notes
    assert [f"1 time stamp {told} the time" in note for note in notes] == [True] * bool(told)


def test_what_was_not_checked_is_counted_once_and_never_among_those_that_hold(heads: list[SignedHead]):
    checked = CheckedTokens((a_token(heads[0]), a_token(heads[0], holder="store west")))
    assert (checked.unchecked, checked.sound, checked.findings) == (1, {}, ())
    assert checked.notes[0].startswith("1 time stamp NOT checked")
