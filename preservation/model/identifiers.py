"""What things are called: collections, objects, versions, submissions, stores, events."""

import re
import unicodedata
from dataclasses import dataclass
from typing import NewType
from uuid import uuid4

from preservation.errors import ConfigurationError
from preservation.model.paths import StoreKey, fault_of_path, is_spelling, is_utf8, quoted

CollectionName = NewType("CollectionName", str)
"""Name of a collection: lower-case letters, digits, ``-`` and ``_``."""

ObjectName = NewType("ObjectName", str)
"""Name of an object within its collection: the drop's own name, unaltered."""

VersionNumber = NewType("VersionNumber", int)
"""1 for the first version of an object."""

SubmissionId = NewType("SubmissionId", str)
"""Names one submission (OAIS SIP) for good: hexadecimal text."""

StoreName = NewType("StoreName", str)
"""Name of a configured store."""

StoreIdentity = NewType("StoreIdentity", str)
"""A UUID that lies in a store and distinguishes it from every other place, such as a mount point."""

EventId = NewType("EventId", str)
"""UUID of one event (PREMIS 2.1.2), so that an event appended twice is known."""

IDENTITY_PATTERN = r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$"
"""The form of a store's identity."""

_IDENTITY = re.compile(IDENTITY_PATTERN)
_COLLECTION = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}")
_OBJECT_BYTES = 200


def collection_name(text: str) -> CollectionName:
    """Return ``text`` as a collection's name. Raises ``ValueError`` where it is not one."""
    if _COLLECTION.fullmatch(text) is None:
        raise ValueError(f"{quoted(text)} cannot name a collection: use a-z, 0-9, '-' and '_', at most 63")
    return CollectionName(text)


def object_name(text: str) -> ObjectName:
    """Return ``text``, the name of a drop, as an object's name. Raises ``ValueError`` where it cannot be one.

    A name is refused, never bent: two drops must not become one object because a name was simplified.
    """
    fault = fault_of_path(text)
    if fault is None and "/" in text:
        fault = "it holds a '/'"
    if fault is None and not is_utf8(text):
        fault = "its bytes are not UTF-8"
    if fault is None and len(text.encode()) > _OBJECT_BYTES:
        fault = f"it is longer than {_OBJECT_BYTES} bytes"
    if fault is None and any(map(_is_control, text)):
        fault = "it holds a control character"
    if fault is None and (text.startswith((".", "_")) or text != text.strip()):
        fault = "it begins with '.' or '_', or begins or ends with a space"
    if fault is not None:
        raise ValueError(f"{quoted(text)} cannot name an object: {fault}")
    return ObjectName(text)


def _is_control(character: str) -> bool:
    category = unicodedata.category(character)
    return category == "Cc" or (category == "Cf" and not is_spelling(character))


@dataclass(frozen=True, slots=True, order=True)
class ObjectId:
    """An intellectual object that is kept: a collection and a name in it, written ``maps/sheet-012``."""

    collection: CollectionName
    name: ObjectName

    def __str__(self) -> str:
        return f"{self.collection}/{self.name}"


@dataclass(frozen=True, slots=True, order=True)
class PackageId:
    """One version of an object (an OAIS AIP), written ``maps/sheet-012/v1``."""

    object: ObjectId
    version: VersionNumber

    def __str__(self) -> str:
        return str(self.prefix)

    @property
    def prefix(self) -> StoreKey:
        """The key below which every store keeps this version."""
        return StoreKey(f"{self.object}/v{self.version}")


def new_store_identity() -> StoreIdentity:
    """Return an identity that no store has."""
    return StoreIdentity(str(uuid4()))


def read_store_identity(content: bytes) -> StoreIdentity | None:
    """Return the identity that a store's file holds, ``None`` where that is none."""
    text = content.decode("ascii", "replace").removesuffix("\n")
    return StoreIdentity(text) if _IDENTITY.fullmatch(text) else None


def parse_object_id(text: str) -> ObjectId:
    """Return ``text``, written ``collection/name``. Raises ``ValueError`` where it is not."""
    collection, separator, name = text.partition("/")
    if not separator:
        raise ValueError(f"{quoted(text)} is not an object: write it as collection/name")
    return ObjectId(collection_name(collection), object_name(name))


def object_id_named(text: str) -> ObjectId:
    """Return the object that a user names as ``collection/name``.

    Raises ``ConfigurationError`` where that can be no object's name.
    """
    try:
        return parse_object_id(text)
    except ValueError as error:
        raise ConfigurationError(str(error)) from error
