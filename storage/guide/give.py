"""Giving stores their guide: what a stranger reads first, and the programs that check what lies there.

A store only creates. Where a release has another form of a file, it lies beside the earlier one under the
next free name: ``README.txt``, then ``README.2.txt``. The highest number counts.
"""

import re
from collections.abc import Iterator
from contextlib import suppress
from itertools import count
from pathlib import Path
from typing import Final

from preservation.errors import AlreadyExistsError, IntegrityError, NotFoundError
from preservation.fixity.checking import Confirmed, check_stream
from preservation.fixity.digesting import digest_file
from preservation.model.digests import Algorithm
from preservation.model.paths import StoreKey
from storage.journal import standalone
from storage.journal.exported import FOLDER
from storage.journal.exporting import CHECKER_NAME
from storage.ports.stores import Deposit, Store

_HERE: Final = Path(__file__).parent
_README: Final = StoreKey("README.txt")
_VERIFY: Final = StoreKey("verify.py")
_FILES: Final = {
    _README: _HERE / _README,
    _VERIFY: _HERE / _VERIFY,
    # verify.py asks it about the journal; it lies where it checks what lies beside it.
    StoreKey(f"{FOLDER}/{CHECKER_NAME}"): Path(standalone.__file__),
}
_AT_THE_ROOT: Final = re.compile(r"(README(\.[0-9]+)?\.txt|verify(\.[0-9]+)?\.py)")


def is_guide(key: StoreKey) -> bool:
    """Return whether ``key`` is that of a file of the guide at a store's root."""
    return _AT_THE_ROOT.fullmatch(key) is not None


def give_guide(store: Store) -> tuple[StoreKey, ...]:
    """Give ``store`` the files of the guide that it has not in their present form; return their keys.

    Each is read back. Raises ``IntegrityError`` where the store gives back other bytes, ``StorageError`` as
    the store does.
    """
    return tuple(key for first, source in _FILES.items() for key in _given(store, first, source))


def _given(store: Store, first: StoreKey, source: Path) -> Iterator[StoreKey]:
    size, digests = digest_file(source, (Algorithm.SHA256,))
    is_present = False
    for key in _forms(first):
        try:
            with store.open(key) as stream:
                is_present = isinstance(check_stream(stream, digests, size), Confirmed)
        except IntegrityError:
            # No plain file any more: the next one counts.
            is_present = False
        except NotFoundError:
            break
    if is_present:
        return
    # Where another process was faster, its bytes must have the same digest.
    with suppress(AlreadyExistsError):
        store.create([Deposit(key, source, size)])
    with store.open(key) as stream:
        if not isinstance(check_stream(stream, digests, size), Confirmed):
            raise IntegrityError(
                f"store {store.name}: {key} does not come back as it was written; check that its disk is "
                "healthy"
            )
    yield key


def _forms(first: StoreKey) -> Iterator[StoreKey]:
    """Yield the names under which a file may have been given, in their order."""
    yield first
    stem, _, suffix = first.rpartition(".")
    for number in count(2):
        yield StoreKey(f"{stem}.{number}.{suffix}")
