"""The keys under which a drop lies, is claimed and is answered; and which keys can be file names."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from flows.inboxes.queue.answers import AnswerPlace
from flows.inboxes.queue.takes import Take
from preservation.model.identifiers import CollectionName
from preservation.model.paths import StoreKey, fault_of_path, printable
from storage.ports.drop_buckets import DroppedObject

INBOX: Final = "inbox/"
CLAIMS: Final = "processing/"

_BROKEN: Final = "\ufffd"
"""The replacement character of a listing for bytes that are not characters: such a key cannot be read."""

_SEGMENT_BYTES: Final = 255
"""The longest name in a folder of any file system of Linux."""

_BYTES_OF_A_CHARACTER: Final = 4
_ANSWERED_BYTES: Final = 32
"""Room in a key for the longer name of the folder of answers, and for `` (2)`` and the ending of a claim."""


@dataclass(frozen=True, slots=True)
class DropPlace:
    """A drop in a bucket. ``groups`` are the folders between the collection's and it."""

    collection: CollectionName
    groups: tuple[str, ...]
    name: str

    @classmethod
    def of(cls, take: Take) -> DropPlace:
        """Return where a take comes from."""
        return cls(take.collection, take.groups, take.name)

    @property
    def key(self) -> StoreKey:
        """The key of the object or, with a ``/``, the prefix of the keys of its objects."""
        return StoreKey(f"{INBOX}{self._above}{self.name}")

    @property
    def claim(self) -> StoreKey:
        """The key of its claim."""
        return StoreKey(f"{CLAIMS}{self._above}{self.name}.json")

    def beside(self, name: str) -> StoreKey:
        """Return the key of that name beside it."""
        return StoreKey(f"{INBOX}{self._above}{name}")

    def answer(self, place: AnswerPlace, name: str) -> StoreKey:
        """Return the key of that name in ``place``."""
        return StoreKey(f"{place}/{self._above}{name}")

    @property
    def _above(self) -> str:
        return "".join(f"{folder}/" for folder in (self.collection, *self.groups))


def fault_of_object(found: DroppedObject, below: str, longest_key: int) -> str:
    """Return why an object cannot be a file of a drop, with its name; ``""`` where it can.

    ``below`` is its path in the drop, empty where it is the drop itself.
    """
    fault = _fault(found, below, longest_key)
    return f"{printable(found.key.removeprefix(INBOX))}: {fault}; give it another name" if fault else ""


def _fault(found: DroppedObject, below: str, longest_key: int) -> str:
    path = below.removesuffix("/")
    fault = fault_of_path(path) if path else None
    if fault is not None:
        return fault
    if below.endswith("/") and found.size:
        return "it is called as a folder is, and has bytes"
    if _BROKEN in found.key:
        return "its name holds characters that are broken"
    return "" if len(found.key) * _BYTES_OF_A_CHARACTER <= _SEGMENT_BYTES else _excess(found, longest_key)


def _excess(found: DroppedObject, longest_key: int) -> str:
    if any(len(segment.encode()) > _SEGMENT_BYTES for segment in found.key.split("/")):
        return f"a part of its name has more than {_SEGMENT_BYTES} bytes, and no file can be called that"
    if len(found.key.encode()) > longest_key - _ANSWERED_BYTES:
        return "its name is so long that it could not be answered in the bucket"
    return ""
