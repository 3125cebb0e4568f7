"""Certificate authorities of the tests' own, such as an institution has for its own machines."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric.ec import (
    SECP256R1,
    EllipticCurvePrivateKey,
    generate_private_key,
)
from cryptography.x509.oid import NameOID


@dataclass(frozen=True)
class Authority:
    """An authority whose certificate is in ``file``."""

    name: x509.Name
    key: EllipticCurvePrivateKey
    file: Path

    @classmethod
    def made(cls, name: str, folder: Path) -> Authority:
        """Make an authority, with its certificate in a folder."""
        authority = cls(_name(name), generate_private_key(SECP256R1()), folder / "authority.pem")
        signing = x509.KeyUsage(
            digital_signature=True, key_cert_sign=True, crl_sign=True, content_commitment=False,
            key_encipherment=False, data_encipherment=False, key_agreement=False,
            encipher_only=False, decipher_only=False,
        )  # fmt: skip
        certificate = authority._signed(
            authority.name,
            authority.key,
            (x509.BasicConstraints(ca=True, path_length=0), signing),
        )
        authority.file.write_bytes(certificate)
        return authority

    def certified(self, address: str) -> tuple[Path, Path]:
        """Return the files of a certificate for the machine at an IP address, and of its key."""
        key = generate_private_key(SECP256R1())
        certificate, secret = self.file.with_name("machine.pem"), self.file.with_name("machine.key")
        certificate.write_bytes(
            self._signed(
                _name(address), key, (x509.SubjectAlternativeName([x509.IPAddress(ip_address(address))]),)
            )
        )
        secret.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
        )
        return certificate, secret

    def _signed(
        self, subject: x509.Name, key: EllipticCurvePrivateKey, extensions: tuple[x509.ExtensionType, ...]
    ) -> bytes:
        now = datetime.now(UTC)
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self.name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(days=1))
            .not_valid_after(now + timedelta(days=1))
        )
        for extension in extensions:
            builder = builder.add_extension(extension, critical=isinstance(extension, x509.BasicConstraints))
        return builder.sign(self.key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])
