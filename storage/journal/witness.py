"""Signed heads outside of database and stores: what rolling back both, or one's own key, cannot take along.

The *memory* is the newest head that this installation signed, beside its key. A *witness* is any file of
signed heads elsewhere.
"""

import os
import re
from pathlib import Path
from typing import Final

from preservation.errors import IntegrityError, NotFoundError, UnavailableError
from preservation.files.durable import create_durably, sync_folder, written_whole
from preservation.files.lock import FOLDER, lock, locked
from preservation.model.paths import printable
from storage.journal.heads import KeptHead, head_line, read_head
from storage.ports.journal import Journal, SignedHead

MEMORY_NAME: Final = "newest-head.json"
"""Beside the key. Empty: nothing was signed yet; absent: it was lost, or 0.1.0 made the key."""

_HEAD: Final = re.compile(
    rb'\{"at":"[^"]{27}","hash":"[0-9a-f]{64}","key":"[0-9a-f]{64}","seq":[0-9]{1,18},'
    rb'"signature":"[0-9a-f]{128}"\}'
)
_PUBLIC: Final = 0o644


def begin_memory(folder: Path) -> None:
    """Make the memory of a key that has signed nothing yet. Raises ``OSError``."""
    create_durably(folder / MEMORY_NAME, b"", _PUBLIC)


def remembered(folder: Path) -> tuple[KeptHead, ...]:
    """Return the newest head that was signed with the key in ``folder``; none where none is remembered.

    Raises ``UnavailableError`` where it cannot be read.
    """
    path = folder / MEMORY_NAME
    try:
        line = path.read_bytes()
    except FileNotFoundError:
        return ()
    except OSError as error:
        raise UnavailableError(
            f"{path}: the newest signed head cannot be read ({error.strerror}); let the service read it"
        ) from error
    if not line:
        return ()
    try:
        return (KeptHead("memory", str(path), read_head(line)),)
    except ValueError as reason:
        return (KeptHead("memory", str(path), str(reason)),)


def remember(folder: Path, signed: SignedHead) -> None:
    """Remember a head that was signed, unless a later one is remembered. Raises ``UnavailableError``."""
    path = folder / MEMORY_NAME
    try:
        with locked(folder, flags=FOLDER):
            for kept in remembered(folder):
                if isinstance(kept.signed, SignedHead) and kept.signed.head.seq >= signed.head.seq:
                    return
            with written_whole(path) as sink:
                sink.write(head_line(signed))
            sync_folder(folder)
    except OSError as error:
        raise UnavailableError(
            f"{path}: the newest signed head cannot be written ({error.strerror}); let the service write"
        ) from error


def require_memory(journal: Journal, folder: Path) -> None:
    """Raise ``IntegrityError`` where a journal without any signed head is not one that begins.

    A journal that has entries and no signed head is signed for the first time only where the memory knows
    that nothing was signed before.
    """
    if (folder / MEMORY_NAME).exists() or journal.signed_heads() or not journal.head().seq:
        return
    raise IntegrityError(
        f"the journal has entries and no signed head, and {folder / MEMORY_NAME} is gone, so nothing vouches "
        "for it, and it is not signed; put back state/keys/ from the backup, or follow docs/journal.md, "
        '"When nothing vouches for the journal"'
    )


def witnessed(path: Path) -> tuple[KeptHead, ...]:
    """Return every signed head in a witness: a file of heads, or any text that has them (mails, JSON).

    Raises ``NotFoundError`` where the file has none, ``UnavailableError`` where it cannot be read.
    """
    try:
        text = path.read_bytes()
    except FileNotFoundError as error:
        raise NotFoundError(f"{path}: there is no such witness; check the name of the file") from error
    except OSError as error:
        raise UnavailableError(f"{path}: the witness cannot be read ({error.strerror})") from error
    # In JSON that quotes a head its quotes are escaped.
    lines = text.replace(b'\\"', b'"').splitlines()
    holder = f"witness {printable(str(path))}"
    found = tuple(
        _read(holder, f"line {number}", head)
        for number, line in enumerate(lines, 1)
        for head in _HEAD.findall(line)
    )
    if not found:
        raise NotFoundError(f"{path}: there is no signed head in this file; name a file that has some")
    return found


def bear_witness(path: Path, signed: SignedHead) -> bool:
    """Append a head to a witness, durably, unless its last line is that head; return whether it was new.

    The file is only ever appended to, so it may be one that no account may change (``chattr +a``).
    Raises ``UnavailableError`` where it cannot be written.
    """
    line = head_line(signed)
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, _PUBLIC)
        with os.fdopen(descriptor, "r+b", buffering=0) as file:
            lock(descriptor)
            size = os.fstat(descriptor).st_size
            end = os.pread(descriptor, len(line) + 1, max(0, size - len(line) - 1))
            if end.endswith(line):
                return False
            # What was torn by a crash stays a line of its own.
            file.write(line if not end or end.endswith(b"\n") else b"\n" + line)
            os.fsync(descriptor)
    except OSError as error:
        raise UnavailableError(
            f"{path}: the witness cannot be written ({error.strerror}); see that its disk is mounted and the "
            "service may append to it"
        ) from error
    return True


def _read(holder: str, place: str, line: bytes) -> KeptHead:
    try:
        return KeptHead(holder, place, read_head(line))
    except ValueError as reason:
        return KeptHead(holder, place, str(reason))
