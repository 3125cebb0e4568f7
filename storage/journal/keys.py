"""The Ed25519 key that vouches for the journal's heads: one private key, and every public key ever used."""

import hashlib
import os
import stat
import threading
from dataclasses import dataclass
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)

from preservation.errors import AlreadyExistsError, ConfigurationError
from preservation.files.durable import create_durably
from storage.ports.journal import KeyId

PRIVATE_KEY_NAME = "journal.pem"
PUBLIC_KEY_SUFFIX = ".pub.pem"

_PRIVATE = 0o600
_PUBLIC = 0o644
_FOLDER = 0o700


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A private key and its id."""

    identifier: KeyId
    private: Ed25519PrivateKey


def key_id(public: Ed25519PublicKey) -> KeyId:
    """Return SHA-256 of the 32 raw bytes of the public key."""
    return KeyId(hashlib.sha256(public.public_bytes(Encoding.Raw, PublicFormat.Raw)).hexdigest())


def public_pem(public: Ed25519PublicKey) -> bytes:
    """Return the public key as PEM (SubjectPublicKeyInfo, RFC 8410)."""
    return public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def public_key_name(identifier: KeyId) -> str:
    """Return the name of the file of that public key."""
    return f"journal-{identifier}{PUBLIC_KEY_SUFFIX}"


def generate_key(folder: Path) -> SigningKey:
    """Make a key and keep it in ``folder``: ``journal.pem`` (PKCS 8, ours alone to read) and its public half.

    Raises ``AlreadyExistsError`` where there is a key: a key in use is never replaced by accident;
    ``ConfigurationError`` where the folder cannot be written.
    """
    private = Ed25519PrivateKey.generate()
    public = private.public_key()
    key = SigningKey(key_id(public), private)
    pem = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    try:
        folder.mkdir(mode=_FOLDER, parents=True, exist_ok=True)
        # The public half first: where the private one is, both are.
        create_whole(folder / public_key_name(key.identifier), public_pem(public), _PUBLIC)
        create_whole(folder / PRIVATE_KEY_NAME, pem, _PRIVATE)
    except OSError as error:
        raise ConfigurationError(
            f"{folder}: the journal's key cannot be kept there ({error.strerror}); see that the "
            "folder can be written and has room, then run it again"
        ) from error
    return key


def load_key(folder: Path) -> SigningKey:
    """Return the key kept in ``folder``.

    Raises ``ConfigurationError`` where there is none, others may read it, or it is not such a key.
    """
    path = folder / PRIVATE_KEY_NAME
    try:
        with path.open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            pem = file.read()
    except OSError as error:
        raise ConfigurationError(
            f"{path}: the journal's key cannot be read ({error.strerror}); restore it from your backup, "
            "or make a new one with: muniment init, which begins a new chain of trust"
        ) from error
    if mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise ConfigurationError(f"{path}: others may read the journal's key; run: chmod 600 {path}")
    try:
        private = load_pem_private_key(pem, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise ConfigurationError(f"{path}: this is not an unencrypted PEM key ({error})") from error
    if not isinstance(private, Ed25519PrivateKey):
        raise ConfigurationError(f"{path}: the journal is signed with Ed25519, and this is another key")
    return SigningKey(key_id(private.public_key()), private)


def read_public_key(pem: bytes, source: str) -> Ed25519PublicKey:
    """Return the public key in ``pem``. Raises ``ConfigurationError`` naming ``source`` where it is none."""
    try:
        public = load_pem_public_key(pem)
    except (ValueError, UnsupportedAlgorithm) as error:
        raise ConfigurationError(f"{source}: this is not a public key in PEM ({error})") from error
    if not isinstance(public, Ed25519PublicKey):
        raise ConfigurationError(f"{source}: the journal is signed with Ed25519, and this is another key")
    return public


def public_keys(folder: Path) -> dict[KeyId, Ed25519PublicKey]:
    """Return every public key kept in ``folder``, by its id."""
    keys = [
        read_public_key(path.read_bytes(), str(path)) for path in sorted(folder.glob(f"*{PUBLIC_KEY_SUFFIX}"))
    ]
    return {key_id(public): public for public in keys}


def create_whole(path: Path, content: bytes, mode: int) -> None:
    """Create the file whole or not at all, and never over another one."""
    partial = path.with_name(f".{path.name}.{os.getpid()}.{threading.get_ident()}.part")
    partial.unlink(missing_ok=True)
    try:
        create_durably(partial, content, mode)
        try:
            os.link(partial, path)
        except FileExistsError:
            raise
        except OSError:
            # Some file systems have no hard links; without them only a crash could leave half a key.
            create_durably(path, content, mode)
    except FileExistsError as error:
        raise AlreadyExistsError(f"{path}: it is there already, and is not replaced") from error
    finally:
        partial.unlink(missing_ok=True)
