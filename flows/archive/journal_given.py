"""What each store was given of the sealed journal: what it lacks of that was lost; anything later never came.

A store may have been away, or another process may have signed a head just now and be about to give it.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

import msgspec

from preservation.errors import UnavailableError
from preservation.files.durable import written_whole
from preservation.files.lock import locked
from preservation.model.identifiers import StoreName

_NAME: Final = "journal-given.json"


def given_before(state: Path, stores: Iterable[StoreName], signed: int) -> Mapping[StoreName, int]:
    """Return the last entry that each store was given; begin the record where there is none.

    There is none where nothing was signed yet, or where an earlier release sealed: then each of ``stores``
    counts as having been given all up to the entry ``signed``. Raises ``UnavailableError``.
    """
    path = state / _NAME
    try:
        with locked(path.with_suffix(".lock")):
            given = _read(path)
            if given is None:
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
            given = _read(path) or {}
            if given.get(store, 0) < last:
                _write(path, {**given, store: last})
    except OSError as error:
        raise _unavailable(path, error) from error


def _read(path: Path) -> dict[StoreName, int] | None:
    try:
        return msgspec.json.decode(path.read_bytes(), type=dict[StoreName, int])
    except (FileNotFoundError, msgspec.MsgspecError):
        return None


def _write(path: Path, given: Mapping[StoreName, int]) -> None:
    with written_whole(path) as sink:
        sink.write(msgspec.json.encode(given))


def _unavailable(path: Path, error: OSError) -> UnavailableError:
    return UnavailableError(
        f"{path}: what the stores were given of the journal cannot be read or written ({error.strerror}); "
        "let the service write there, and see that there is room"
    )
