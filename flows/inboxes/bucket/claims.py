"""Claims: of two installations on one bucket inbox, one has a drop in hand. See ``docs/adr``.

A claim is an object that is created where there is none, so exactly one of many who try gets it. It says who
has the drop, and it is removed last of all: when the drop was answered, or was given back.
"""

from __future__ import annotations

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
"""For so long a claim of ours must be seen without its take before it counts as left by a kill."""


class BucketClaim(msgspec.Struct, frozen=True):
    """Who has a drop in hand, since when, and as which take of theirs."""

    installation: str
    by: Process
    take: TakeId
    since: datetime


_UNKNOWN: Final = "somebody whose claim cannot be read"
_MARK: Final = re.compile(r"[0-9a-f]{32}")
_LARGEST_NUMBER: Final = (1 << 31) - 1
_LONGEST_NAME: Final = 255
"""How long the name of an installation, or of a machine, may be in a claim: others can write claims."""


def installation_mark(settings: Settings) -> str:
    """Return what tells this installation from every other one: made once, at random, and kept in ``state/``.

    Raises ``OSError``, and ``IntegrityError`` where it is damaged: two with an empty one would take each
    other's claims for their own.
    """
    state, name = Shelf(settings.state), "installation"
    if not state.has(name):
        partial = f"{name}.{secrets.token_hex(4)}"
        create_durably(state.path / partial, f"{secrets.token_hex(16)}\n".encode())
        try:
            # Moved, it is there whole or not at all, and of many who do so the first one counts.
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
    """The claims in one bucket inbox, put and removed for ``installation``."""

    def __init__(self, bucket: DropBucket, installation: str) -> None:
        self._bucket = bucket
        self._installation = installation
        self._read: dict[StoreKey, tuple[DroppedObject, BucketClaim | None]] = {}
        self._left: dict[StoreKey, Moment] = {}

    def put(self, place: DropPlace, take: TakeId, at: datetime) -> bool:
        """Claim a drop for a take; say whether it is ours. Raises ``StorageError``."""
        claim = BucketClaim(self._installation, this_process(), take, at)
        return self._bucket.create(place.claim, msgspec.json.encode(claim))

    def hold(self, place: DropPlace, take: TakeId) -> bool:
        """Say whether the drop is claimed for that take of ours. Raises ``StorageError``."""
        return self._is_of(self._claim(place.claim), take)

    def give_back(self, place: DropPlace, take: TakeId) -> None:
        """Remove the claim of that take, where there is one. Raises ``StorageError``."""
        found = self._bucket.find(place.claim)
        if found is not None and self.hold(place, take):
            self._bucket.remove(found)

    def list(self, stopped: threading.Event) -> Mapping[StoreKey, BucketClaim | None]:
        """Return every claim; ``None`` for one that cannot be read.

        Raises ``StorageError``, and ``StoppedError`` once that is asked for.
        """
        before, listed = self._read, {}
        for found in until_stopped(self._bucket.list(CLAIMS), stopped):
            known = before.get(found.key)
            if known is None or known[0] != found:
                known = found, self._claim(found.key)
            listed[found.key] = known
        self._read = listed
        return {key: claim for key, (_, claim) in self._read.items()}

    def remove_left(self, has_take: Callable[[TakeId], bool], moment: Moment) -> None:
        """Remove claims of ours, of those listed last, whose take is no more. Raises ``StorageError``."""
        before, self._left = self._left, {}
        for key, (found, claim) in self._read.items():
            if claim is None or claim.installation != self._installation or has_take(claim.take):
                continue
            self._left[key] = before.get(key, moment)
            if moment - self._left[key] >= _LEFT_SECONDS:
                self._bucket.remove(found)

    def is_ours(self, claim: BucketClaim | None) -> bool:
        """Say whether a claim is this installation's."""
        return claim is not None and claim.installation == self._installation

    def _is_of(self, claim: BucketClaim | None, take: TakeId) -> bool:
        return claim is not None and (claim.installation, claim.take) == (self._installation, take)

    def _claim(self, key: StoreKey) -> BucketClaim | None:
        content = self._bucket.read(key)
        try:
            claim = None if content is None else msgspec.json.decode(content, type=BucketClaim)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            return None
        return claim if claim is not None and _is_such_as_ours(claim) else None


def _is_such_as_ours(claim: BucketClaim) -> bool:
    """Say whether an installation can have written that: whoever writes to the bucket can write a claim."""
    names = claim.installation, claim.by.host, claim.by.space
    numbered = is_take_id(claim.take) and 0 < claim.by.pid <= _LARGEST_NUMBER
    return numbered and all(0 < len(name) <= _LONGEST_NAME and name.isprintable() for name in names)


def told_of(claim: BucketClaim | None) -> str:
    """Say who has a drop in hand."""
    if claim is None:
        return f"waiting: {_UNKNOWN} has it in hand"
    who, since = printable(str(claim.by)), f"{claim.since:%Y-%m-%d %H:%M} UTC"
    return f"waiting: another installation has it in hand ({who}, since {since})"
