"""The journal's key: made once, ours alone to read, never replaced."""

from __future__ import annotations

import errno
import hashlib
import os
import stat
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1
from cryptography.hazmat.primitives.asymmetric.ec import generate_private_key as generate_other_key
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from preservation.errors import AlreadyExistsError, ConfigurationError
from storage.journal.keys import (
    PRIVATE_KEY_NAME,
    generate_key,
    load_key,
    public_key_name,
    public_keys,
    read_public_key,
)


def test_a_key_is_kept_where_only_we_can_read_it(tmp_path: Path):
    key = generate_key(tmp_path / "state" / "keys")
    private = tmp_path / "state" / "keys" / PRIVATE_KEY_NAME
    assert stat.S_IMODE(private.stat().st_mode) == 0o600
    assert stat.S_IMODE(private.parent.stat().st_mode) == 0o700
    assert b"BEGIN PRIVATE KEY" in private.read_bytes()
    assert sorted(path.name for path in private.parent.iterdir()) == sorted(
        (PRIVATE_KEY_NAME, public_key_name(key.identifier))
    )


def test_the_loaded_key_is_the_one_that_was_made(tmp_path: Path):
    made = generate_key(tmp_path)
    loaded = load_key(tmp_path)
    assert loaded.identifier == made.identifier
    assert list(public_keys(tmp_path)) == [made.identifier]
    raw = loaded.private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    assert loaded.identifier == hashlib.sha256(raw).hexdigest()


def test_a_key_is_never_replaced(tmp_path: Path):
    made = generate_key(tmp_path)
    with pytest.raises(AlreadyExistsError, match="not replaced"):
        generate_key(tmp_path)
    assert load_key(tmp_path).identifier == made.identifier
    assert not list(tmp_path.glob("*.part"))


def test_a_file_system_without_hard_links_keeps_a_key_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def refused(*_: object) -> None:
        raise OSError(errno.EPERM, "Operation not permitted")

    # No such file system can be counted on where tests run.
    monkeypatch.setattr(os, "link", refused)
    made = generate_key(tmp_path)
    assert load_key(tmp_path).identifier == made.identifier
    assert stat.S_IMODE((tmp_path / PRIVATE_KEY_NAME).stat().st_mode) == 0o600
    with pytest.raises(AlreadyExistsError, match="not replaced"):
        generate_key(tmp_path)
    assert load_key(tmp_path).identifier == made.identifier
    assert not list(tmp_path.glob(".*.part"))


def test_a_folder_that_cannot_be_is_a_sentence(tmp_path: Path):
    (tmp_path / "state").touch()
    with pytest.raises(ConfigurationError, match="state/keys: the journal's key cannot be kept"):
        generate_key(tmp_path / "state" / "keys")


def test_a_missing_key_is_a_sentence_with_the_next_step(tmp_path: Path):
    with pytest.raises(ConfigurationError, match=r"journal\.pem.*backup"):
        load_key(tmp_path)


def test_a_key_that_others_may_read_is_refused(tmp_path: Path):
    generate_key(tmp_path)
    (tmp_path / PRIVATE_KEY_NAME).chmod(0o640)
    with pytest.raises(ConfigurationError, match="chmod 600"):
        load_key(tmp_path)


def _other_kind() -> bytes:
    return generate_other_key(SECP256R1()).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def _with_a_password() -> bytes:
    return generate_other_key(SECP256R1()).private_bytes(
        Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"secret")
    )


@pytest.mark.parametrize(
    ("pem", "reason"),
    [(b"", "not an unencrypted"), (_with_a_password(), "not an unencrypted"), (_other_kind(), "another key")],
    ids=["empty", "with a password", "of another kind"],
)
def test_what_is_no_key_of_ours_is_refused(tmp_path: Path, pem: bytes, reason: str):
    path = tmp_path / PRIVATE_KEY_NAME
    path.write_bytes(pem)
    path.chmod(0o600)
    with pytest.raises(ConfigurationError, match=reason):
        load_key(tmp_path)


def test_what_is_no_public_key_is_refused_by_its_name():
    with pytest.raises(ConfigurationError, match="from-a-store"):
        read_public_key(b"rubbish", "from-a-store")
