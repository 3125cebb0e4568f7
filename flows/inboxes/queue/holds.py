"""Holds: places in inboxes whose drops wait until a person releases them.

A held drop stays where it is: one in an inbox is not taken, one that was taken is given to no run. The holds
stand in one small file, so a restart changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Final

import msgspec

from flows.inboxes.queue.takes import Take
from flows.installation.settings import Settings
from preservation.errors import ConfigurationError, IntegrityError, NotFoundError
from preservation.files.lock import locked
from preservation.model.identifiers import CollectionName, collection_name
from preservation.model.paths import printable
from preservation.records import Records

BY_ITSELF: Final = "Muniment"
"""Who holds a place of which drop after drop is sent back for the same fault."""


class InboxPlace(msgspec.Struct, frozen=True):
    """Where drops arrive: the inbox of a collection, or a group of drops in it.

    ``inbox`` is the directory of an area or the name of a bucket inbox; empty for every inbox of the
    collection.
    """

    collection: CollectionName
    groups: tuple[str, ...] = ()
    inbox: str = ""

    def __str__(self) -> str:
        where = f" (in {printable(self.inbox)})" if self.inbox else ""
        return f"{self.name}{where}"

    @property
    def name(self) -> str:
        """Its name, as the verbs take it."""
        return printable("/".join((self.collection, *self.groups)))

    @classmethod
    def of(cls, take: Take) -> InboxPlace:
        """Return where a take comes from."""
        return cls(take.collection, take.groups, take.bucket_inbox or str(take.area))

    def has(self, other: InboxPlace) -> bool:
        """Return whether the other place is this one or lies in it."""
        return (
            self.collection == other.collection
            and self.groups == other.groups[: len(self.groups)]
            and self.inbox in {"", other.inbox}
        )


def place_named(name: str, inbox: str, settings: Settings) -> InboxPlace:
    """Return the place that a person names as ``collection/group``, in one inbox or in all.

    Raises ``ConfigurationError`` where that is no name, ``NotFoundError`` where there is no such inbox. The
    collection may be one that the settings have no more: what is held of it can be released.
    """
    collection, *groups = name.strip("/").split("/")
    try:
        place = InboxPlace(collection_name(collection), tuple(groups))
    except ValueError as error:
        raise ConfigurationError(f"{error}; a place is written as collection or collection/group") from error
    if not inbox:
        return place
    known = {str(area.root) for area in settings.areas} | {bucket.name for bucket in settings.bucket_inbox}
    where = inbox if inbox in known else str(settings.directory / inbox)
    if where not in known:
        raise NotFoundError(
            f"{printable(inbox)}: there is no such inbox; there are: {', '.join(sorted(known))}"
        )
    return msgspec.structs.replace(place, inbox=where)


class Hold(msgspec.Struct, frozen=True):
    """A place that is held since ``at``: by whom, and why.

    ``code`` is the fault for which ``objects`` were sent back in a row; empty where a person held it.
    """

    place: InboxPlace
    because: str
    by: str
    at: datetime
    code: str = ""
    objects: tuple[str, ...] = ()

    @property
    def sentence(self) -> str:
        """Why what arrives there waits."""
        return f"held by {printable(self.by)} since {self.at:%Y-%m-%d %H:%M} UTC: {printable(self.because)}"


class HoldBook:
    """The holds of an installation; the file is read again when it was replaced."""

    def __init__(self, settings: Settings) -> None:
        self._records = _records(settings)
        self._mark: tuple[int, ...] | None = None
        self._holds: tuple[Hold, ...] = ()

    def now(self) -> tuple[Hold, ...]:
        """Return the holds, the oldest first. Raises ``IntegrityError`` where they cannot be read."""
        mark = _mark(self._records.path)
        if mark != self._mark:
            self._holds = _read(self._records)
            self._mark = mark
        return self._holds


def hold_on(place: InboxPlace, holds: Iterable[Hold]) -> Hold | None:
    """Return the first hold on the place; ``None`` where it is not held."""
    return next((hold for hold in holds if hold.place.has(place)), None)


def hold(new: Hold, settings: Settings) -> Hold:
    """Hold a place; return the hold on it, which is the one from before where there is one.

    Raises ``IntegrityError``, ``OSError``.
    """
    with _locked(settings) as records:
        holds = _read(records)
        before = hold_on(new.place, holds)
        if before is None:
            records.write((*holds, new))
        return before or new


def release(place: InboxPlace, settings: Settings) -> tuple[Hold, ...]:
    """Release the place and every place in it; return what was held. Raises as ``hold`` does."""
    with _locked(settings) as records:
        holds = _read(records)
        released = tuple(one for one in holds if place.has(one.place))
        if released:
            records.write(one for one in holds if one not in released)
        return released


@contextmanager
def _locked(settings: Settings) -> Iterator[Records[Hold]]:
    records = _records(settings)
    with locked(records.path.with_suffix(".lock")):
        yield records


def _records(settings: Settings) -> Records[Hold]:
    return Records(settings.state / "holds.jsonl", Hold)


def _read(records: Records[Hold]) -> tuple[Hold, ...]:
    try:
        return tuple(records.so_far)
    except IntegrityError as error:
        raise IntegrityError(
            f"{records.path}: what is held cannot be read, so no drop is given to a run; remove the file, "
            "then hold again what is to be held: muniment hold"
        ) from error


def _mark(path: Path) -> tuple[int, ...] | None:
    """Return what changes when the file is replaced; ``None`` where there is none."""
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    return found.st_ino, found.st_mtime_ns, found.st_size
