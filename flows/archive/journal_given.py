"""What each store was given of the sealed journal: what it lacks of that was lost; anything later never came.

A store may have been away, or another process may have signed a head just now and be about to give it.
"""

import stat
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Final

import msgspec

from flows.installation.log import LOG
from preservation.errors import UnavailableError
from preservation.files.durable import sync_folder, written_whole
from preservation.files.lock import locked
from preservation.model.identifiers import StoreName
from storage.ports.journal import Journal

_NAME: Final = "journal-given.json"
_RECORD: Final = msgspec.json.Decoder(dict[StoreName, Annotated[int, msgspec.Meta(ge=1)]])
_LARGEST: Final = 1 << 20
"""Bytes that are read of it; a store takes some 20."""


def given_before(state: Path, stores: Iterable[StoreName], journal: Journal) -> Mapping[StoreName, int]:
    """Return the last entry that each store was given; begin the record where there is none.

    There is none where nothing was signed yet, or where an earlier release sealed: then each of ``stores``
    counts as having been given all that is signed. So it does where the record cannot be true: that a store
    lost something must not stay hidden. Raises ``UnavailableError``.
    """
    path = state / _NAME
    try:
        with locked(path.with_suffix(".lock")):
            given = _read(path)
            # Read after the record: what another process signs meanwhile is then known.
            signed = last_signed(journal)
            if given is None or any(last > signed for last in given.values()):
                given = dict.fromkeys(stores, signed) if signed else {}
                _write(path, given)
            return given
    except OSError as error:
        raise _unavailable(path, error) from error


def record_given(state: Path, store: StoreName, last: int) -> None:
    """Record that a store has the sealed journal up to the entry ``last``. Raises ``UnavailableError``."""
    path = state / _NAME
    try:
        with locked(path.with_suffix(".lock")):
            given = _read(path)
            # One that is gone or damaged by now has the other stores in it too: the next sealing begins it.
            if given is not None and given.get(store, 0) < last:
                _write(path, {**given, store: last})
    except OSError as error:
        raise _unavailable(path, error) from error


def last_signed(journal: Journal) -> int:
    """Return the last entry that a signed head of the journal vouches for; 0 where there is none."""
    return max((signed.head.seq for signed in journal.signed_heads()), default=0)


def _read(path: Path) -> dict[StoreName, int] | None:
    """Return the record; ``None`` where there is none, or what is there is no such record."""
    try:
        # Neither is a link followed, nor does a pipe keep us waiting.
        if stat.S_ISREG(path.lstat().st_mode):
            with path.open("rb") as file:
                return _RECORD.decode(file.read(_LARGEST))
        reason = "it is no plain file"
    except FileNotFoundError:
        return None
    except msgspec.MsgspecError as error:
        reason = str(error)
    LOG.warning("%s is damaged (%s): every store counts as having been given all", path, reason)
    return None


def _write(path: Path, given: Mapping[StoreName, int]) -> None:
    with written_whole(path) as sink:
        sink.write(msgspec.json.encode(given))
    sync_folder(path.parent)


def _unavailable(path: Path, error: OSError) -> UnavailableError:
    return UnavailableError(
        f"{path}: what the stores were given of the journal cannot be read or written ({error.strerror}); "
        "let the service write there, and see that there is room"
    )
