"""Objects that the system stopped: the next run takes them up last, so that they hold up no others."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TypeVar

import msgspec

from flows.installation.log import LOG
from preservation.files.durable import written_whole
from preservation.model.identifiers import ObjectId

_T = TypeVar("_T")


class Postponed:
    """The record of them, in ``state``. Nothing is lost with it but the order."""

    def __init__(self, state: Path) -> None:
        self._place = state / "adoption-postponed.json"
        try:
            recorded = msgspec.json.decode(self._place.read_bytes(), type=list[str])
        except (OSError, msgspec.MsgspecError):
            recorded = []
        self._objects = dict.fromkeys(recorded)

    def in_turn(self, found: Iterable[tuple[ObjectId, _T]]) -> Iterator[_T]:
        """Yield what was ``found``: first of those that are not postponed, then of those that are.

        Of these, the one comes first that was postponed longest ago. Only they are held in memory.
        """
        before = list(self._objects)
        waiting = set(before)
        later: dict[str, _T] = {}
        for object_id, one in found:
            if str(object_id) in waiting:
                later[str(object_id)] = one
            else:
                yield one
        for name in before:
            if name in later:
                yield later.pop(name)

    def record(self, object_id: ObjectId, *, is_stopped: bool) -> None:
        """Put an object at the end where the system stopped it; else take it off the list."""
        was_there = str(object_id) in self._objects
        self._objects.pop(str(object_id), None)
        if is_stopped:
            self._objects[str(object_id)] = None
        if was_there or is_stopped:
            self._write()

    def _write(self) -> None:
        try:
            with written_whole(self._place, durable=False) as sink:
                sink.write(msgspec.json.encode(list(self._objects)))
        except OSError as error:
            LOG.warning("%s: the next run may begin with what the system stopped: %s", self._place, error)
