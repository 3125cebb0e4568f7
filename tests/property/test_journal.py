"""Whatever is done to a journal, the check names it; and the stand-alone check says the same."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st
from support.records import MOMENT, an_event, events

from storage.journal import standalone
from storage.journal.entries import canonical, follow, read_entry, recordable
from storage.journal.heads import head_line, sign
from storage.journal.keys import SigningKey, key_id
from storage.journal.verification import Broken, ChainFault, FaultKind, Intact, verify
from storage.ports.journal import GENESIS, Head, SignedHead

_PRIVATE = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
KEY = SigningKey(key_id(_PRIVATE.public_key()), _PRIVATE)
KEYS = {KEY.identifier: _PRIVATE.public_key()}
RAW_KEYS = {str(KEY.identifier): _PRIVATE.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)}

SIZE = 9
SIGNED = (4, 9)


def _journal() -> tuple[list[bytes], list[SignedHead]]:
    links = list(follow(GENESIS, events(range(SIZE))))
    heads = [sign(links[seq - 1][0], MOMENT + timedelta(hours=seq), KEY) for seq in SIGNED]
    return [filed.line for _, filed in links], heads


LINES, HEADS = _journal()
ENTRIES = st.integers(1, SIZE)


def first_fault(lines: list[bytes], heads: list[SignedHead] = HEADS) -> ChainFault:
    """The fault that both checks name, which must be the same one."""
    verdict = verify(lines, heads, KEYS)
    assert isinstance(verdict, Broken), "a broken journal was called intact"
    fault = verdict.faults[0]
    _, _, told = standalone.check(lines, [standalone.read_head(head_line(head)) for head in heads], RAW_KEYS)
    assert [(each.kind, each.seq) for each in told] == [(each.kind, each.seq) for each in verdict.faults]
    return fault


def rehashed(line: bytes, **changed: object) -> bytes:
    """A forger's work: the entry with other content and a hash that fits it."""
    fields = {**json.loads(line), **changed}
    fields.pop("hash")
    fields["hash"] = hashlib.sha256(canonical(fields)).hexdigest()
    return canonical(fields) + b"\n"


def test_an_untouched_journal_is_intact_for_both():
    verdict = verify(LINES, HEADS, KEYS)
    assert isinstance(verdict, Intact)
    assert verdict.head.seq == SIZE
    assert verdict.signed == HEADS[-1]
    told_heads = [standalone.read_head(head_line(head)) for head in HEADS]
    assert standalone.check(LINES, told_heads, RAW_KEYS) == (SIZE, verdict.head.hash, [])


@given(st.data())
def test_any_flipped_byte_names_its_entry(data: st.DataObject):
    seq = data.draw(ENTRIES)
    line = LINES[seq - 1]
    at = data.draw(st.integers(0, len(line) - 1))
    flipped = line[:at] + bytes([line[at] ^ data.draw(st.integers(1, 255))]) + line[at + 1 :]
    blob = b"".join([*LINES[: seq - 1], flipped, *LINES[seq:]])
    lines = [part + b"\n" for part in blob.split(b"\n")]
    # What follows the last newline is a line only where there is something.
    last = lines.pop()[:-1]
    fault = first_fault([*lines, last] if last else lines)
    assert (fault.kind, fault.seq) == (FaultKind.ALTERED, seq)


@given(ENTRIES, st.integers(1, SIZE))
def test_dropped_entries_are_named(first: int, count: int):
    kept = LINES[: first - 1] + LINES[first - 1 + count :]
    fault = first_fault(kept)
    cut_off = first - 1 + count >= SIZE
    assert (fault.kind, fault.seq) == (FaultKind.TRUNCATED if cut_off else FaultKind.MISSING, first)


@given(st.sets(ENTRIES, min_size=2, max_size=2))
def test_two_entries_that_changed_places_are_named(places: set[int]):
    early, late = sorted(places)
    lines = list(LINES)
    lines[early - 1], lines[late - 1] = lines[late - 1], lines[early - 1]
    fault = first_fault(lines)
    assert (fault.kind, fault.seq) == (FaultKind.MISPLACED, early)


@given(st.permutations(range(SIZE)))
def test_any_other_order_names_the_first_entry_out_of_its_place(order: list[int]):
    lines = [LINES[place] for place in order]
    out_of_place = [seq for seq, place in enumerate(order, 1) if place != seq - 1]
    if out_of_place:
        fault = first_fault(lines)
        assert (fault.kind, fault.seq) == (FaultKind.MISPLACED, out_of_place[0])


@given(st.integers(0, SIZE - 1))
def test_a_cut_end_is_known_by_the_signed_head(length: int):
    fault = first_fault(LINES[:length])
    assert (fault.kind, fault.seq) == (FaultKind.TRUNCATED, length + 1)


@given(st.integers(0, SIZE))
def test_without_a_signed_head_a_cut_end_is_not_known_and_that_is_said(length: int):
    verdict = verify(LINES[:length])
    assert isinstance(verdict, Intact)
    assert any("cut off" in note for note in verdict.notes)


@given(st.integers(1, SIZE - 1), st.integers(1, 200))
def test_a_file_that_ends_within_a_line_names_that_line(seq: int, missing: int):
    torn = LINES[seq][:-missing]
    fault = first_fault([*LINES[:seq], torn])
    assert (fault.kind, fault.seq) == (FaultKind.ALTERED, seq + 1)


@given(ENTRIES, st.integers(0, SIZE))
def test_an_entry_put_in_again_is_named(seq: int, after: int):
    lines = [*LINES[:after], LINES[seq - 1], *LINES[after:]]
    fault = first_fault(lines)
    known_by_then = seq <= after + 1
    expected = (FaultKind.INSERTED, seq) if known_by_then else (FaultKind.MISPLACED, after + 1)
    assert (fault.kind, fault.seq) == expected


@given(st.integers(0, SIZE - 1))
def test_a_forged_entry_put_in_is_named(after: int):
    head = read_entry(LINES[after - 1]).head if after else GENESIS
    ((_, forged),) = follow(head, [an_event(99, note="never happened")])
    fault = first_fault([*LINES[:after], forged.line, *LINES[after:]])
    # A forged entry in the place of one that was signed is known by the signature already.
    kind = FaultKind.REWRITTEN if after + 1 in SIGNED else FaultKind.INSERTED
    assert (fault.kind, fault.seq) == (kind, after + 1)


@given(ENTRIES, st.text())
def test_an_entry_written_anew_with_a_fitting_hash_is_named(seq: int, note: str):
    detail = {**json.loads(LINES[seq - 1])["detail"], "note": recordable(f"forged {note}")}
    lines = [*LINES[: seq - 1], rehashed(LINES[seq - 1], detail=detail), *LINES[seq:]]
    fault = first_fault(lines)
    expected = (FaultKind.REWRITTEN, seq) if seq in SIGNED else (FaultKind.UNLINKED, seq + 1)
    assert (fault.kind, fault.seq) == expected


@given(ENTRIES)
def test_a_whole_chain_written_anew_is_known_by_the_signed_head(seq: int):
    start = read_entry(LINES[seq - 2]).head if seq > 1 else GENESIS
    forged = [
        filed.line for _, filed in follow(start, [an_event(n, note="anew") for n in range(seq, SIZE + 1)])
    ]
    fault = first_fault([*LINES[: seq - 1], *forged])
    assert (fault.kind, fault.seq) == (FaultKind.REWRITTEN, min(head for head in SIGNED if head >= seq))


@given(st.sampled_from(HEADS), st.integers(0, 63), st.integers(1, 255))
def test_a_flipped_signature_is_named(head: SignedHead, at: int, mask: int):
    raw = bytearray(bytes.fromhex(head.signature))
    raw[at] ^= mask
    fault = first_fault(LINES, [replace(head, signature=raw.hex())])
    assert (fault.kind, fault.seq) == (FaultKind.MISSIGNED, head.head.seq)


@given(st.sampled_from(HEADS), st.integers(1, 20), st.datetimes())
def test_a_head_that_was_changed_is_named(head: SignedHead, seq: int, at: datetime):
    moved = replace(head, head=Head(seq, head.head.hash), at=at.replace(tzinfo=UTC))
    if moved != head:
        fault = first_fault(LINES, [moved])
        assert (fault.kind, fault.seq) == (FaultKind.MISSIGNED, seq)


def test_a_head_signed_by_a_stranger_is_no_evidence():
    stranger = Ed25519PrivateKey.from_private_bytes(b"s" * 32)
    key = SigningKey(key_id(stranger.public_key()), stranger)
    fault = first_fault(LINES, [sign(HEADS[-1].head, MOMENT, key)])
    assert (fault.kind, fault.seq) == (FaultKind.MISSIGNED, SIZE)
    assert "not ours" in fault.message


@pytest.mark.parametrize(
    "line",
    [
        b"\n",
        b"{}\n",
        b"[1]\n",
        b"null\n",
        b"[" * 100_000 + b"\n",
        b'{"seq":' + b"9" * 5000 + b"}\n",
        b"\xff\xfe{\x00}\x00\n",
        b"\xef\xbb\xbf" + LINES[0],
        LINES[0][:-1] + b"\r\n",
        LINES[0].replace(b'"seq":1', b'"seq":1.0'),
        LINES[0].replace(b'"seq":1', b'"seq":1,"seq":1'),
        LINES[0].replace(b"done", b"d\\u006fne"),
        rehashed(LINES[0], seq=True),
        rehashed(LINES[0], seq="1"),
        rehashed(LINES[0], at="2026-11-21 01:15:00"),
        rehashed(LINES[0], at="2026-02-30T00:00:00.000000Z"),
        rehashed(LINES[0], extra="field"),
        rehashed(LINES[0], object=None),
        rehashed(LINES[0], agent="me"),
        rehashed(LINES[0], agent={"kind": "person", "name": "me"}),
        rehashed(LINES[0], detail={"detail": 1, "event": "", "note": ""}),
    ],
)
def test_a_line_that_is_no_entry_is_named_by_both(line: bytes):
    fault = first_fault([line, *LINES[1:]])
    assert (fault.kind, fault.seq) == (FaultKind.ALTERED, 1)


@given(st.lists(st.binary(max_size=80), max_size=4), st.integers(0, SIZE))
def test_rubbish_put_in_is_named_and_never_an_exception(rubbish: list[bytes], after: int):
    lines = [*LINES[:after], *(part.replace(b"\n", b"") + b"\n" for part in rubbish), *LINES[after:]]
    if rubbish:
        fault = first_fault(lines)
        assert (fault.kind, fault.seq) == (FaultKind.ALTERED, after + 1)


@given(st.text(), st.text(), st.text())
def test_any_text_makes_an_entry_that_both_read(subject: str, note: str, name: str):
    event = replace(an_event(1), object=subject, note=note, agent=replace(an_event(1).agent, name=name))
    ((head, filed),) = follow(GENESIS, [event])
    entry = read_entry(filed.line)
    assert (entry.object, entry.note, entry.agent_name) == tuple(map(recordable, (subject, note, name)))
    assert standalone.check_chain([filed.line]) == (1, head.hash)


@given(st.text(alphabet=st.characters(exclude_categories=("Cs",))))
def test_strings_are_escaped_as_rfc_8785_says(text: str):
    short = {"\b": "\\b", "\t": "\\t", "\n": "\\n", "\f": "\\f", "\r": "\\r", '"': '\\"', "\\": "\\\\"}
    expected = "".join(short.get(c, c if c >= " " else f"\\u{ord(c):04x}") for c in text)
    assert canonical({"a": text}) == f'{{"a":"{expected}"}}'.encode()
