"""Time stamps: which tokens hold, by a real authority and by OpenSSL as the judge; none other does."""

from __future__ import annotations

import random
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from services.time_stamping import Certifier
from support.clocks import set_clocks
from support.records import MOMENT, events

from preservation.errors import ConfigurationError
from storage.journal.entries import follow
from storage.journal.heads import head_line, sign
from storage.journal.keys import generate_key
from storage.journal.time_stamps import (
    LARGEST_TOKEN,
    TrustedRoots,
    authority_name,
    load_roots,
    request_for,
    verified,
)
from storage.ports.journal import GENESIS, SignedHead


@pytest.fixture(scope="module")
def certifier(tmp_path_factory: pytest.TempPathFactory) -> Certifier:
    made = Certifier.made(tmp_path_factory.mktemp("certifier") / "tsa")
    made.certify("tsa")
    made.certify("between", "root")
    made.certify("below", by="between")
    made.certify("machine", "machine")
    return made


@pytest.fixture(scope="module")
def roots(certifier: Certifier) -> TrustedRoots:
    return load_roots(certifier.roots)


@pytest.fixture(scope="module")
def heads(tmp_path_factory: pytest.TempPathFactory) -> list[SignedHead]:
    key = generate_key(tmp_path_factory.mktemp("keys"))
    return [sign(head, MOMENT, key) for head, _ in follow(GENESIS, events(range(2)))]


def openssl_verifies(token: bytes, signed: SignedHead, roots: Path, folder: Path) -> bool:
    (folder / "token").write_bytes(token)
    (folder / "head").write_bytes(head_line(signed))
    command = ["openssl", "ts", "-verify", "-data", "head", "-in", "token", "-CAfile", str(roots)]
    return b"OK" in subprocess.run(command, cwd=folder, capture_output=True, check=False).stdout


def crafted(certifier: Certifier, token: bytes, signer: str) -> bytes:
    """What a token says, signed by another certificate: an answer that no authority gives."""
    (certifier.folder / "token").write_bytes(token)
    certifier.openssl("ts", "-reply", "-in", "token", "-token_out", "-out", "cms")
    certifier.openssl("cms", "-verify", "-noverify", "-inform", "DER", "-in", "cms", "-out", "said")
    certifier.openssl(
        *(
            "cms",
            "-sign",
            "-binary",
            "-nodetach",
            "-cades",
            "-md",
            "sha256",
            "-outform",
            "DER",
            "-in",
            "said",
        ),
        *(
            "-econtent_type",
            "1.2.840.113549.1.9.16.1.4",
            "-signer",
            f"{signer}.pem",
            "-inkey",
            f"{signer}.key",
        ),
        *("-out", "crafted"),
    )
    status = bytes.fromhex("3003020100")
    content = status + (certifier.folder / "crafted").read_bytes()
    return b"\x30\x82" + len(content).to_bytes(2, "big") + content


def test_a_token_says_when_its_head_existed_and_openssl_agrees(
    certifier: Certifier, roots: TrustedRoots, heads: list[SignedHead], tmp_path: Path
):
    request = request_for(heads[0])
    token = certifier.reply(request.as_bytes())
    stamp = verified(token, heads[0], [roots], request.nonce)
    assert (stamp.signed, stamp.authority) == (heads[0], "CN=Example tsa")
    assert stamp.roots == str(certifier.roots)
    assert openssl_verifies(token, heads[0], certifier.roots, tmp_path)


def test_certificates_between_the_authoritys_and_the_root_may_come_in_any_order(
    certifier: Certifier, roots: TrustedRoots, heads: list[SignedHead], tmp_path: Path
):
    (certifier.folder / "chain").write_bytes(
        b"".join(
            (certifier.folder / name).read_bytes() for name in ("between.pem", "root.pem", "machine.pem")
        )
    )
    token = certifier.reply(request_for(heads[0]).as_bytes(), "below", "-chain", "chain")
    assert verified(token, heads[0], [roots]).authority == "CN=Example below"
    assert openssl_verifies(token, heads[0], certifier.roots, tmp_path)


def test_without_a_certificate_between_it_leads_to_no_root(
    certifier: Certifier, roots: TrustedRoots, heads: list[SignedHead]
):
    token = certifier.reply(request_for(heads[0]).as_bytes(), "below")
    with pytest.raises(ValueError, match="unable to get local issuer certificate"):
        verified(token, heads[0], [roots])


def test_a_token_holds_for_its_own_head_its_own_nonce_and_trusted_roots_only(
    certifier: Certifier, roots: TrustedRoots, heads: list[SignedHead], tmp_path: Path
):
    request = request_for(heads[0])
    token = certifier.reply(request.as_bytes())
    with pytest.raises(ValueError, match="Mismatch between messages"):
        verified(token, heads[1], [roots])
    with pytest.raises(ValueError, match="Nonce mismatch"):
        verified(token, heads[0], [roots], request_for(heads[0]).nonce)
    stranger = load_roots(Certifier.made(tmp_path / "stranger").roots)
    with pytest.raises(ValueError, match="issuer certificate"):
        verified(token, heads[0], [stranger])
    with pytest.raises(ValueError, match="no roots are trusted"):
        verified(token, heads[0], [])
    assert verified(token, heads[0], [stranger, roots]).roots == roots.file


def test_certificates_count_as_of_the_time_that_a_token_says_and_not_as_of_now(
    heads: list[SignedHead], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    def stamped(clock: str) -> bytes:
        with monkeypatch.context() as patched:
            set_clocks(patched, clock)
            return certifier.reply(request_for(heads[0]).as_bytes())

    with monkeypatch.context() as patched:
        set_clocks(patched, "-30d")
        certifier = Certifier.made(tmp_path / "former")
        certifier.certify("tsa")
    roots = load_roots(certifier.roots)
    at = verified(stamped("-30d"), heads[0], [roots]).at
    assert datetime.now(UTC) - at > timedelta(days=29)
    assert [roots.valid_at(at + timedelta(days=days)) for days in (-1, 0, 1, 30)] == [0, 1, 1, 0]
    for clock, reason in (("+0d", "certificate has expired"), ("-60d", "certificate is not yet valid")):
        with pytest.raises(ValueError, match=reason):
            verified(stamped(clock), heads[0], [roots])


@pytest.mark.parametrize("signer", ["machine", "between", "root"])
def test_a_certificate_of_the_same_root_that_is_not_for_time_stamps_makes_none(
    certifier: Certifier, roots: TrustedRoots, heads: list[SignedHead], signer: str, tmp_path: Path
):
    token = certifier.reply(request_for(heads[0]).as_bytes())
    forged = crafted(certifier, token, signer)
    with pytest.raises(ValueError, match=r"EKU|certificate"):
        verified(forged, heads[0], [roots])
    assert not openssl_verifies(forged, heads[0], certifier.roots, tmp_path)
    # The same way with the authority's own certificate makes one, so it is the certificate that decides.
    assert verified(crafted(certifier, token, "tsa"), heads[0], [roots])


@pytest.mark.parametrize(
    "token",
    [
        b"",
        b"<html>busy</html>",
        b"\x30\x80",
        b"\x30\x84\xff\xff\xff\xff",
        bytes(LARGEST_TOKEN + 1),
        b"\xa0" * 999,
    ],
    ids=["nothing", "HTML", "no length", "too long", "too large", "deep"],
)
def test_what_is_no_token_is_reported_as_none(token: bytes, roots: TrustedRoots, heads: list[SignedHead]):
    with pytest.raises(ValueError, match=r"not the answer of a time stamping authority|no token has"):
        verified(token, heads[0], [roots])


def test_a_refusal_is_reported_with_the_authoritys_words(
    certifier: Certifier, roots: TrustedRoots, heads: list[SignedHead]
):
    query = certifier.openssl("ts", "-query", "-digest", "00" * 64, "-sha512")
    with pytest.raises(ValueError, match=r"did not grant it: status 2 .*not supported"):
        verified(certifier.reply(query), heads[0], [roots])


def test_whatever_is_flipped_in_a_token_it_never_says_another_time_or_holds_for_another_head(
    certifier: Certifier, roots: TrustedRoots, heads: list[SignedHead]
):
    token = certifier.reply(request_for(heads[0]).as_bytes())
    sound = verified(token, heads[0], [roots])
    draw = random.Random(3161)  # noqa: S311  draws, no secrets
    refused = 0
    for _ in range(3000):
        changed = bytearray(token)
        changed[draw.randrange(len(token))] ^= 1 << draw.randrange(8)
        if draw.random() < 0.2:
            del changed[draw.randrange(len(token)) :]
        try:
            assert verified(bytes(changed), heads[0], [roots]) == sound
        except ValueError:
            refused += 1
    assert refused > 2900


def test_roots_that_cannot_be_read_are_named(tmp_path: Path):
    with pytest.raises(ConfigurationError, match=r"roots\.pem: .*No such file"):
        load_roots(tmp_path / "roots.pem")
    (tmp_path / "roots.pem").write_text("-----BEGIN PUBLIC KEY-----")
    with pytest.raises(ConfigurationError, match="it has no certificate in PEM"):
        load_roots(tmp_path / "roots.pem")


def test_an_authority_is_called_by_its_url_in_names_of_files():
    assert authority_name("https://tsa.example.org/") == authority_name("https://tsa.example.org/")
    assert authority_name("https://tsa.example.org/") != authority_name("https://tsa.example.org/other")
