"""RFC 3161 time stamps of signed heads: what is asked, and whether a token holds.

A token is kept as the authority answered it, so that anyone can check it with ``openssl ts -verify``
(``docs/journal.md``, "A time stamp"). The library that reads it takes a tenth of a second to import, so it is
imported where a token is looked at.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

from preservation.errors import ConfigurationError
from preservation.model.paths import printable
from storage.journal.heads import head_line
from storage.ports.journal import SignedHead

if TYPE_CHECKING:
    from cryptography.x509 import Certificate
    from rfc3161_client import TimeStampRequest, TimeStampResponse

LARGEST_TOKEN: Final = 1 << 16
"""Bytes. One has some 2,000 to 8,000."""

_CERTIFICATES: Final = b"\xa0"
_SIGNED_DATA: Final = (0, 1, 1, 0)
"""The way into a response: its members, the token, what the token holds, its signed data."""
_LONG, _LENGTH_DIGITS, _MOST_DIGITS = 0x80, 0x7F, 3
_CAUSE = re.compile(r'(?:data|reason): "([^"]*)"')


@dataclass(frozen=True, slots=True)
class TrustedRoots:
    """The root certificates in ``file``, which the operator trusts for the time stamps of an authority."""

    file: str
    certificates: tuple[Certificate, ...]

    def valid_at(self, at: datetime) -> int:
        """Return how many of them are valid at a time: a time stamp of that time leads to no other."""
        return sum(one.not_valid_before_utc <= at <= one.not_valid_after_utc for one in self.certificates)


@dataclass(frozen=True, slots=True)
class TimeStamp:
    """An authority's word that ``signed`` existed at the time ``at``.

    ``authority`` is the subject of the certificate that signed it, which leads to one in ``roots``, a file.
    """

    signed: SignedHead
    at: datetime
    authority: str
    roots: str


def authority_name(url: str) -> str:
    """Return what the authority at ``url`` is called in the names of files."""
    return f"tsa-{hashlib.sha256(url.encode()).hexdigest()[:16]}"


def load_roots(path: Path) -> TrustedRoots:
    """Return the certificates in a PEM file. Raises ``ConfigurationError`` where there are none."""
    from cryptography.x509 import load_pem_x509_certificates  # noqa: PLC0415  see above

    try:
        return TrustedRoots(str(path), tuple(load_pem_x509_certificates(path.read_bytes())))
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it has no certificate in PEM"
        raise ConfigurationError(
            f"{path}: the root certificates of a time stamping authority cannot be read ({reason}); put the "
            "file there, or correct [[witness.authority]] roots"
        ) from error


def roots_pem(trusted: Iterable[TrustedRoots]) -> bytes:
    """Return the certificates in PEM, each once."""
    from cryptography.hazmat.primitives.serialization import Encoding  # noqa: PLC0415  see above

    every = dict.fromkeys(one for roots in trusted for one in roots.certificates)
    return b"".join(certificate.public_bytes(Encoding.PEM) for certificate in every)


def request_for(signed: SignedHead) -> TimeStampRequest:
    """Return the request for a time stamp of the bytes of a head, by SHA-256, with a new nonce."""
    from rfc3161_client import HashAlgorithm, TimestampRequestBuilder  # noqa: PLC0415  see above

    return TimestampRequestBuilder(head_line(signed), HashAlgorithm.SHA256).build()


def is_about(token: bytes, signed: SignedHead) -> bool:
    """Return whether a token says to be of this head. Raises ``ValueError`` where it is no token."""
    imprint = _read(token).tst_info.message_imprint.message
    return imprint == hashlib.sha256(head_line(signed)).digest()


def verified(
    token: bytes, signed: SignedHead, trusted: Iterable[TrustedRoots], nonce: int | None = None
) -> TimeStamp:
    """Return what a token says of a head, once it holds.

    It holds where it is of just these bytes and has the ``nonce``, if one is given; its signature is by a
    certificate for time stamps (critical extended key usage) that leads to one of the ``trusted`` roots, all
    valid at the time it says. Whether one was revoked is not asked. Raises ``ValueError`` with the reason.
    """
    from rfc3161_client import VerificationError, VerifierBuilder  # noqa: PLC0415  see above

    response = _read(token)
    reason = "no roots are trusted"
    for roots in trusted:
        verifier = VerifierBuilder(roots=list(roots.certificates), nonce=nonce).build()
        try:
            verifier.verify_message(response, head_line(signed))
            return TimeStamp(
                signed, response.tst_info.gen_time.astimezone(UTC), _signer(response), roots.file
            )
        except VerificationError as error:
            reason = _reason(error)
        except Exception as error:  # noqa: BLE001  what hostile certificates make libraries raise is no short list
            reason = f"it cannot be checked: {_reason(error)}"
    raise ValueError(reason)


def _read(token: bytes) -> TimeStampResponse:
    from rfc3161_client import PKIStatus, decode_timestamp_response  # noqa: PLC0415  see above

    if len(token) > LARGEST_TOKEN:
        raise ValueError(f"it has more than {LARGEST_TOKEN:,} bytes, as no token has")
    try:
        response = decode_timestamp_response(_with_sorted_certificates(token))
        if response.status == PKIStatus.GRANTED:
            # What is missing is raised here, and not only where it is asked for.
            _ = response.tst_info, response.signed_data
            return response
    except Exception as error:
        raise ValueError("it is not the answer of a time stamping authority") from error
    texts = " ".join(response.status_string or ())
    raise ValueError(f"the authority did not grant it: status {response.status} {printable(texts)}".rstrip())


def _signer(response: TimeStampResponse) -> str:
    """Return the subject of the certificate that a verified response is signed by."""
    from cryptography.x509 import load_der_x509_certificate  # noqa: PLC0415  see above

    (signer,) = response.signed_data.signer_infos
    return next(
        printable(certificate.subject.rfc4514_string())
        for certificate in map(load_der_x509_certificate, response.signed_data.certificates)
        if (certificate.issuer, certificate.serial_number) == (signer.issuer, signer.serial_number)
    )


def _reason(error: Exception) -> str:
    """Return what a library says, of OpenSSL's stack of errors the last cause."""
    causes = _CAUSE.findall(str(error))
    return printable(causes[-1] if causes else str(error) or type(error).__name__)


def _with_sorted_certificates(response: bytes) -> bytes:
    """Return a response whose certificates stand in the order of DER, which its signature does not cover.

    OpenSSL and several authorities write them in another one, which the library takes for no response.
    """
    levels, content = [], response
    for number in _SIGNED_DATA:
        levels.append(list(_members(content)))
        if number >= len(levels[-1]):
            # One that grants nothing has no token.
            return response
        content = levels[-1][number][1]
    content = b"".join(
        _member(tag, b"".join(sorted(one for _, _, one in _members(inner))))
        if tag == _CERTIFICATES
        else whole
        for tag, inner, whole in _members(content)
    )
    for members, number in zip(reversed(levels), reversed(_SIGNED_DATA), strict=True):
        wholes = [whole for _, _, whole in members]
        wholes[number] = _member(members[number][0], content)
        content = b"".join(wholes)
    return content


def _members(content: bytes) -> Iterable[tuple[bytes, bytes, bytes]]:
    """Yield tag, content and all bytes of each member of a constructed value in DER."""
    start = 0
    while start < len(content):
        at, length = start + 2, content[start + 1]
        if length >= _LONG:
            digits = length & _LENGTH_DIGITS
            if not 1 <= digits <= _MOST_DIGITS:
                raise ValueError("a length in it is not as DER writes it")
            at, length = at + digits, int.from_bytes(content[at : at + digits], "big")
        if at + length > len(content):
            raise ValueError("it ends before its end")
        yield content[start : start + 1], content[at : at + length], content[start : at + length]
        start = at + length


def _member(tag: bytes, content: bytes) -> bytes:
    length = len(content)
    if length < _LONG:
        return tag + bytes([length]) + content
    digits = length.to_bytes((length.bit_length() + 7) // 8, "big")
    return tag + bytes([_LONG | len(digits)]) + digits + content
