"""Claims: of several installations on one bucket inbox, one at a time works on a drop. See ``docs/adr``.

A claim is an object that is created only where there is none, so exactly one installation gets it. It names
the installation, and it is removed last of all, when the drop was answered or released.
"""

import re
import secrets
import threading
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Final

import msgspec

from flows.inboxes.bucket.download import until_stopped
from flows.inboxes.bucket.keys import CLAIMS, DropPlace
from flows.inboxes.queue.takes import TakeId, is_take_id
from flows.inboxes.shelf import Shelf, move
from flows.installation.processes import Process, this_process
from flows.installation.settings import Settings
from preservation.errors import IntegrityError
from preservation.files.durable import create_durably
from preservation.model.paths import StoreKey, printable
from preservation.settling.settle import Moment
from storage.ports.drop_buckets import DropBucket, DroppedObject

_LEFT_SECONDS: Final = 60.0
"""A claim of ours that has no take for so long counts as left by a kill."""


class BucketClaim(msgspec.Struct, frozen=True):
    """Which installation works on a drop, since when, and as which take of its own."""

    installation: str
    by: Process
    take: TakeId
    since: datetime


_UNREADABLE: Final = "waiting: an installation whose claim cannot be read works on it"
_MARK: Final = re.compile(r"[0-9a-f]{32}")
_LARGEST_NUMBER: Final = (1 << 31) - 1
_LONGEST_NAME: Final = 255
"""Characters of an installation's or a machine's name in a claim; other programs can write claims too."""


def installation_mark(settings: Settings) -> str:
    """Return the random identifier of this installation, made once and kept in ``state/``.

    Raises ``OSError``, and ``IntegrityError`` where it is damaged: two installations with an empty mark
    would mistake each other's claims for their own.
    """
    state, name = Shelf(settings.state), "installation"
    if not state.has(name):
        partial = f"{name}.{secrets.token_hex(4)}"
        create_durably(state.path / partial, f"{secrets.token_hex(16)}\n".encode())
        try:
            # Moved, it is there whole or not at all, and the first of several processes decides.
            move(state, partial, state, name)
        except FileExistsError:
            (state.path / partial).unlink()
    mark = (state.path / name).read_bytes().decode(errors="replace").strip()
    if not _MARK.fullmatch(mark):
        raise IntegrityError(
            f"{state.path / name}: the mark of this installation is damaged; put it back from a copy of "
            "state/, or remove it and, by hand, the claims of this installation in its buckets"
        )
    return mark


class BucketClaims:
    """The claims in one bucket inbox, made and removed for ``installation``."""

    def __init__(self, bucket: DropBucket, installation: str) -> None:
        self._bucket = bucket
        self._installation = installation
        self._read: dict[StoreKey, tuple[DroppedObject, BucketClaim | None]] = {}
        self._without_take: dict[StoreKey, Moment] = {}

    def put(self, place: DropPlace, take: TakeId, at: datetime) -> bool:
        """Claim a drop for a take; return whether that succeeded. Raises ``StorageError``."""
        claim = BucketClaim(self._installation, this_process(), take, at)
        return self._bucket.create(place.claim, msgspec.json.encode(claim))

    def hold(self, place: DropPlace, take: TakeId) -> bool:
        """Return whether the drop is claimed for that take of ours. Raises ``StorageError``."""
        claim = self._claim(place.claim)
        return claim is not None and (claim.installation, claim.take) == (self._installation, take)

    def release(self, place: DropPlace, take: TakeId) -> None:
        """Remove the claim of that take, if there is one. Raises ``StorageError``."""
        found = self._bucket.find(place.claim)
        if found is not None and self.hold(place, take):
            self._bucket.remove(found)

    def list(self, stopped: threading.Event) -> Mapping[StoreKey, BucketClaim | None]:
        """Return every claim; ``None`` for one that cannot be read.

        Raises ``StorageError``, and ``StoppedError`` once ``stopped`` is set.
        """
        before, listed = self._read, {}
        for found in until_stopped(self._bucket.list(CLAIMS), stopped):
            known = before.get(found.key)
            if known is None or known[0] != found:
                known = found, self._claim(found.key)
            listed[found.key] = known
        self._read = listed
        return {key: claim for key, (_, claim) in self._read.items()}

    def remove_stale(self, has_take: Callable[[TakeId], bool], moment: Moment) -> None:
        """Remove those of our claims listed last that have no take. Raises ``StorageError``."""
        before, self._without_take = self._without_take, {}
        for key, (found, claim) in self._read.items():
            if claim is None or claim.installation != self._installation or has_take(claim.take):
                continue
            self._without_take[key] = before.get(key, moment)
            if moment - self._without_take[key] >= _LEFT_SECONDS:
                self._bucket.remove(found)

    def is_ours(self, claim: BucketClaim | None) -> bool:
        """Return whether a claim is of this installation."""
        return claim is not None and claim.installation == self._installation

    def _claim(self, key: StoreKey) -> BucketClaim | None:
        content = self._bucket.read(key)
        try:
            claim = None if content is None else msgspec.json.decode(content, type=BucketClaim)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            return None
        return claim if claim is not None and _is_such_as_ours(claim) else None


def _is_such_as_ours(claim: BucketClaim) -> bool:
    """Return whether an installation can have written it: any writer to the bucket can write a claim."""
    names = claim.installation, claim.by.host, claim.by.space
    numbered = is_take_id(claim.take) and 0 < claim.by.pid <= _LARGEST_NUMBER
    return numbered and all(0 < len(name) <= _LONGEST_NAME and name.isprintable() for name in names)


def claim_sentence(claim: BucketClaim | None) -> str:
    """Return the sentence about a drop that another installation works on."""
    if claim is None:
        return _UNREADABLE
    by, since = printable(str(claim.by)), f"{claim.since:%Y-%m-%d %H:%M} UTC"
    return f"waiting: another installation works on it ({by}, since {since})"
