"""Signed heads: the bytes that are signed, and the exported line (``docs/journal.md``, "A signed head")."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from preservation.model.digests import HexDigest
from storage.journal.entries import canonical
from storage.journal.keys import SigningKey
from storage.moments import moment_text, parse_moment
from storage.ports.journal import Head, KeyId, SignedHead

_FIELDS = {"seq", "hash", "at", "key", "signature"}
_DIGEST = re.compile(r"[0-9a-f]{64}")
_SIGNATURE = re.compile(r"[0-9a-f]{128}")


@dataclass(frozen=True, slots=True)
class KeptHead:
    """A signed head outside of the database: ``holder`` keeps it, at ``place``, both for people.

    ``signed`` is the reason where what is kept there is no signed head.
    """

    holder: str
    place: str
    signed: SignedHead | str

    def __str__(self) -> str:
        return f"{self.holder}, {self.place}"


def signed_bytes(head: Head, at: datetime, key: KeyId) -> bytes:
    """Return the bytes that the signature is made over: six lines of ASCII."""
    return f"muniment journal head\n1\n{head.seq}\n{head.hash}\n{moment_text(at)}\n{key}\n".encode("ascii")


def sign(head: Head, at: datetime, key: SigningKey) -> SignedHead:
    """Vouch for ``head``."""
    signature = key.private.sign(signed_bytes(head, at, key.identifier))
    return SignedHead(head, at, key.identifier, signature.hex())


def is_signed(signed: SignedHead, keys: Mapping[KeyId, Ed25519PublicKey]) -> bool:
    """Return whether one of ``keys`` made the signature, over just this head."""
    public = keys.get(signed.key)
    if public is None:
        return False
    try:
        public.verify(bytes.fromhex(signed.signature), signed_bytes(signed.head, signed.at, signed.key))
    except (InvalidSignature, ValueError):
        # A signature in a database may be any text.
        return False
    return True


def head_line(signed: SignedHead) -> bytes:
    """Return the signed head as one line of canonical JSON."""
    return canonical({**signed.fields, "at": moment_text(signed.at)}) + b"\n"


def read_head(line: bytes) -> SignedHead:
    """Return the signed head in ``line``. Raises ``ValueError`` with the reason where it is none."""
    try:
        fields = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise ValueError("it is not JSON") from error
    if not isinstance(fields, dict) or set(fields) != _FIELDS:
        raise ValueError("it has not the fields of a signed head")
    seq = fields.pop("seq")
    if type(seq) is not int or seq < 1:
        raise ValueError("its 'seq' is not a positive whole number")
    if not all(isinstance(value, str) for value in fields.values()):
        raise ValueError("a field is not text")
    if not (_DIGEST.fullmatch(fields["hash"]) and _DIGEST.fullmatch(fields["key"])):
        raise ValueError("its hash or its key is not 64 hexadecimal digits")
    if _SIGNATURE.fullmatch(fields["signature"]) is None:
        raise ValueError("its signature is not 128 hexadecimal digits")
    return SignedHead(
        Head(seq, HexDigest(fields["hash"])),
        parse_moment(fields["at"]),
        KeyId(fields["key"]),
        fields["signature"],
    )
