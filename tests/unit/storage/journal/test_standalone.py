"""The stand-alone check: its own Ed25519, its words, and that it stands alone."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st
from support.records import MOMENT, events

from storage.journal import standalone
from storage.journal.entries import follow, read_entry
from storage.journal.heads import head_line, sign
from storage.journal.keys import SigningKey, key_id, public_pem
from storage.ports.journal import GENESIS

# RFC 8032 section 7.1: public key, message, signature.
RFC_8032 = {
    "TEST 1": (
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
        "",
        (
            "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e06522490155"
            "5fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b"
        ),
    ),
    "TEST 2": (
        "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
        "72",
        (
            "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
            "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"
        ),
    ),
    "TEST 3": (
        "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
        "af82",
        (
            "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac"
            "18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a"
        ),
    ),
}


@pytest.mark.parametrize("name", RFC_8032)
def test_the_signatures_of_rfc_8032_hold_and_nothing_near_them(name: str):
    public, message, signature = (bytes.fromhex(part) for part in RFC_8032[name])
    assert standalone.is_signature(public, message, signature)
    assert not standalone.is_signature(public, message + b"\0", signature)
    assert not standalone.is_signature(public[::-1], message, signature)
    assert not standalone.is_signature(public, message, signature[32:] + signature[:32])


@given(st.binary(min_size=32, max_size=32), st.binary(max_size=200), st.integers(0, 511))
def test_it_agrees_with_the_library_on_keys_and_messages(seed: bytes, message: bytes, bit: int):
    private = Ed25519PrivateKey.from_private_bytes(seed)
    public = private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    signature = private.sign(message)
    assert standalone.is_signature(public, message, signature)
    flipped = bytearray(signature)
    flipped[bit // 8] ^= 1 << bit % 8
    assert not standalone.is_signature(public, message, bytes(flipped))


def test_a_signature_with_another_multiple_of_the_order_is_refused():
    public, message, signature = (bytes.fromhex(part) for part in RFC_8032["TEST 2"])
    s = int.from_bytes(signature[32:], "little") + standalone.L
    assert not standalone.is_signature(public, message, signature[:32] + s.to_bytes(32, "little"))


def test_it_needs_only_the_standard_library_and_reads_as_python_3_8():
    source = Path(standalone.__file__).read_text(encoding="utf-8")
    tree = ast.parse(source, feature_version=(3, 8))
    imported = {
        (node.module or "") if isinstance(node, ast.ImportFrom) else alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
        for alias in node.names
    }
    assert {name.split(".")[0] for name in imported} <= sys.stdlib_module_names


def check(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the file as a stranger would: without our packages, or anybody's."""
    return subprocess.run(
        [sys.executable, "-I", "-S", standalone.__file__, *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def lines(tmp_path: Path) -> list[bytes]:
    """Three entries, which lie as journal.jsonl in the test's folder."""
    written = [filed.line for _, filed in follow(GENESIS, events(range(3)))]
    (tmp_path / "journal.jsonl").write_bytes(b"".join(written))
    return written


def test_a_chain_that_holds_proves_nothing_without_a_signed_head(tmp_path: Path, lines: list[bytes]):
    done = check(tmp_path, "journal.jsonl")
    assert done.returncode == 1
    assert f"The chain holds: {len(lines)} entries" in done.stdout
    assert "NOT PROVED: no signed head was given" in done.stdout


def test_a_signed_head_proves_nothing_without_a_key(tmp_path: Path, lines: list[bytes]):
    key = Ed25519PrivateKey.from_private_bytes(b"k" * 32)
    signed = sign(read_entry(lines[-1]).head, MOMENT, SigningKey(key_id(key.public_key()), key))
    (tmp_path / "heads.jsonl").write_bytes(head_line(signed))
    done = check(tmp_path, "journal.jsonl", "--head", "heads.jsonl")
    assert done.returncode == 1
    assert "NOT PROVED: the signed heads agree with it, but no public key was given" in done.stdout


def test_it_reads_segments_one_after_the_other(tmp_path: Path, lines: list[bytes]):
    for number, line in enumerate(lines, 1):
        (tmp_path / f"{number}.jsonl").write_bytes(line)
    assert "The chain holds: 3 entries" in check(tmp_path, "1.jsonl", "2.jsonl", "3.jsonl").stdout
    done = check(tmp_path, "1.jsonl", "3.jsonl")
    assert done.returncode == 1
    assert "Entry 2 is missing" in done.stdout


@pytest.mark.parametrize(
    "damaged", ["000000001-000000002.jsonl", "000000001-000000002.head.json", "key.pub.pem"]
)
def test_of_a_file_that_was_given_again_it_takes_the_sound_one(
    tmp_path: Path, lines: list[bytes], damaged: str
):
    folder = tmp_path / "_journal"
    folder.mkdir()
    private = Ed25519PrivateKey.from_private_bytes(b"k" * 32)
    key = SigningKey(key_id(private.public_key()), private)
    (folder / "key.pub.pem").write_bytes(public_pem(private.public_key()))
    for first, last in ((1, 2), (3, 3)):
        span = f"{first:09d}-{last:09d}"
        (folder / f"{span}.jsonl").write_bytes(b"".join(lines[first - 1 : last]))
        signed = sign(read_entry(lines[last - 1]).head, MOMENT, key)
        (folder / f"{span}.head.json").write_bytes(head_line(signed))
    # Sealed a second time, with other bounds, it is the same journal.
    (folder / "000000001-000000003.jsonl").write_bytes(b"".join(lines))
    assert beside(folder) == 0
    name, _, suffix = damaged.partition(".")
    sound = (folder / damaged).read_bytes()
    (folder / f"{name}.2.{suffix}").write_bytes(sound)
    (folder / damaged).write_bytes(sound[:40] + b"x" + sound[41:])
    assert beside(folder) == 0
    (folder / f"{name}.2.{suffix}").unlink()
    (folder / "000000001-000000003.jsonl").unlink()
    assert beside(folder) == 1


def test_what_the_archive_itself_found_broken_is_broken(
    tmp_path: Path, lines: list[bytes], capsys: pytest.CaptureFixture[str]
):
    private = Ed25519PrivateKey.from_private_bytes(b"k" * 32)
    signed = sign(read_entry(lines[-1]).head, MOMENT, SigningKey(key_id(private.public_key()), private))
    (tmp_path / "heads.jsonl").write_bytes(head_line(signed))
    (tmp_path / "key.pub.pem").write_bytes(public_pem(private.public_key()))
    assert beside(tmp_path) == 0
    for line, told in (
        (b'{"kind":"misfiled","message":"entry 2 is lost","seq":2}\n', "entry 2 is lost"),
        (b"x", "read"),
    ):
        (tmp_path / "faults.jsonl").write_bytes(line)
        assert beside(tmp_path) == 1
        assert told in capsys.readouterr().out


def beside(folder: Path) -> int:
    """Run it in this process as if it lay in the folder."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(standalone, "__file__", str(folder / "check_journal.py"))
        return standalone.main([])


def test_alone_in_a_folder_it_says_that_nothing_was_checked(tmp_path: Path):
    alone = tmp_path / "check_journal.py"
    alone.write_bytes(Path(standalone.__file__).read_bytes())
    done = subprocess.run([sys.executable, "-I", "-S", alone], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stdout.startswith("NOTHING CHECKED")
    assert str(tmp_path) in done.stdout
    assert done.stderr == ""


def test_a_key_that_is_named_is_the_only_one_it_trusts(tmp_path: Path, lines: list[bytes]):
    assert lines
    key, strange = (Ed25519PrivateKey.from_private_bytes(seed * 32) for seed in (b"k", b"s"))
    signing = SigningKey(key_id(strange.public_key()), strange)
    signed = sign(read_entry(lines[-1]).head, MOMENT, signing)
    (tmp_path / "heads.jsonl").write_bytes(head_line(signed))
    # Whoever forged the journal laid their own key beside it.
    (tmp_path / "journal-s.pub.pem").write_bytes(public_pem(strange.public_key()))
    trusted = tmp_path / "trusted"
    trusted.write_bytes(public_pem(key.public_key()))
    checker = tmp_path / "check_journal.py"
    checker.write_bytes(Path(standalone.__file__).read_bytes())
    command = [sys.executable, "-I", "-S", checker]
    assert subprocess.run(command, capture_output=True, check=False).returncode == 0
    done = subprocess.run([*command, "--public-key", trusted], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "signed by another key" in done.stdout
    assert "journal-s.pub.pem" not in done.stdout


@pytest.mark.parametrize(
    "arguments",
    [
        ["nothing.jsonl"],
        ["journal.jsonl", "--head", "journal.jsonl"],
        ["journal.jsonl", "--head", "nothing"],
        ["journal.jsonl", "--public-key", "journal.jsonl"],
    ],
)
def test_what_it_cannot_read_is_named_in_one_line(tmp_path: Path, lines: list[bytes], arguments: list[str]):
    assert lines
    done = check(tmp_path, *arguments)
    assert done.returncode == 1
    assert done.stdout.startswith(f"BROKEN: {arguments[-1]}")
    assert done.stdout.count("\n") == 1
    assert done.stderr == ""
