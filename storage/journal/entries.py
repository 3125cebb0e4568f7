"""The bytes of an entry: canonical JSON, one object a line (docs/journal.md, "An entry").

Canonical is what RFC 8785 (JSON Canonicalization Scheme) makes of objects, strings and integers, and
entries hold nothing else.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from itertools import islice
from typing import NamedTuple

from preservation.errors import IntegrityError
from preservation.model.digests import HexDigest
from preservation.model.events import Event
from preservation.model.identifiers import EventId
from storage.moments import moment_text, parse_moment
from storage.ports.journal import GENESIS, Entry, Head, subject_of

_FIELDS = ("seq", "at", "event_type", "agent", "object", "outcome", "detail", "previous", "hash")
_AGENT_FIELDS = ("kind", "name", "version")
_DETAIL_FIELDS = ("detail", "event", "note")
_STRING_FIELDS = ("at", "event_type", "object", "outcome", "previous", "hash")


class FiledLine(NamedTuple):
    """An entry's line, with what an index files it under."""

    seq: int
    identifier: EventId
    subject: str
    line: bytes


def canonical(fields: Mapping[str, object]) -> bytes:
    """Return the canonical bytes of an object of strings, integers and such objects."""
    return json.dumps(fields, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()


def concerns(entry: Entry, object_name: str) -> bool:
    """Return whether the entry is about ``object_name`` or about something in it."""
    name = recordable(object_name)
    return entry.object == name or entry.object.startswith(f"{name}/")


def recordable(text: str) -> str:
    r"""Return ``text`` with what is no text (NUL, bytes that are not UTF-8) as ``\x00``, ``\udcff``."""
    return text.replace("\0", "\\x00").encode(errors="backslashreplace").decode()


def follow(head: Head, events: Iterable[Event]) -> Iterator[tuple[Head, FiledLine]]:
    """Yield the lines that make ``events`` follow ``head``, each with the head it leads to.

    Raises ``ValueError`` where an event's time has no zone.
    """
    for event in events:
        object_name = recordable(event.object)
        identifier = EventId(recordable(event.identifier))
        fields = {
            "seq": head.seq + 1,
            "at": moment_text(event.at),
            "event_type": event.event_type.value,
            "agent": {
                "kind": event.agent.kind.value,
                "name": recordable(event.agent.name),
                "version": recordable(event.agent.version),
            },
            "object": object_name,
            "outcome": event.outcome.value,
            "detail": {
                "event": identifier,
                "detail": recordable(event.detail),
                "note": recordable(event.note),
            },
            "previous": head.hash,
        }
        fields["hash"] = hashlib.sha256(canonical(fields)).hexdigest()
        head = Head(head.seq + 1, HexDigest(str(fields["hash"])))
        yield head, FiledLine(head.seq, identifier, subject_of(object_name), canonical(fields) + b"\n")


def keep_new(events: Iterable[Event], known: AbstractSet[EventId]) -> Iterator[Event]:
    """Yield each event once, and none that is ``known``: the first record of it stands."""
    seen = set(known)
    for event in events:
        identifier = EventId(recordable(event.identifier))
        if identifier not in seen:
            seen.add(identifier)
            yield event


def read_entry(line: bytes) -> Entry:
    """Return the entry in ``line``, which ends with its newline.

    Raises ``ValueError`` with the reason where the line is not canonical, lacks a field or has another,
    or does not match its own hash.
    """
    fields = _fields_of(line)
    agent, detail = _texts(fields, "agent", _AGENT_FIELDS), _texts(fields, "detail", _DETAIL_FIELDS)
    seq = fields["seq"]
    # ``True`` would pass for 1.
    if type(seq) is not int:
        raise ValueError("its 'seq' is not a whole number")
    text = {name: fields[name] for name in _STRING_FIELDS}
    if not all(isinstance(value, str) for value in text.values()):
        raise ValueError("a field is not text")
    claimed = fields.pop("hash")
    if hashlib.sha256(canonical(fields)).hexdigest() != claimed:
        raise ValueError("it does not match its own hash")
    return Entry(
        seq=seq,
        identifier=EventId(detail["event"]),
        at=parse_moment(str(text["at"])),
        event_type=str(text["event_type"]),
        object=str(text["object"]),
        outcome=str(text["outcome"]),
        detail=detail["detail"],
        note=detail["note"],
        agent_kind=agent["kind"],
        agent_name=agent["name"],
        agent_version=agent["version"],
        head=Head(seq, HexDigest(str(claimed))),
        previous=HexDigest(str(text["previous"])),
    )


def lines_after(head: Head, lines: Iterable[bytes]) -> Iterator[bytes]:
    """Yield those of a whole journal's ``lines`` that follow ``head``.

    Raises ``IntegrityError`` where ``head`` is none of their places, ``ValueError`` as ``read_entry`` does.
    """
    remaining = iter(lines)
    passed = None
    for passed in islice(remaining, head.seq):  # noqa: B007  only the last one is wanted
        pass
    if (GENESIS if passed is None else read_entry(passed).head) != head:
        raise IntegrityError(
            f"the journal has {head.seq} entries, and the one to restore it from does not continue from the "
            "last of them: it is shorter, or the two differ before that; take another copy, or an older "
            "database (docs/journal.md)"
        )
    yield from remaining


def read_kept(seq: int, line: bytes) -> Entry:
    """Return the entry that is kept as ``seq``. Raises ``IntegrityError`` where it cannot be read."""
    try:
        return read_entry(line)
    except ValueError as reason:
        raise IntegrityError(
            f"journal, entry {seq}: it was altered: {reason}; run: muniment journal verify"
        ) from reason


def file_line(line: bytes) -> tuple[Head, FiledLine]:
    """Return ``line`` with what an index files it under, and the head it leads to.

    Raises ``ValueError`` as ``read_entry`` does.
    """
    entry = read_entry(line)
    return entry.head, FiledLine(entry.seq, entry.identifier, subject_of(entry.object), line)


def _fields_of(line: bytes) -> dict[str, object]:
    if not line.endswith(b"\n"):
        raise ValueError("the line does not end")
    try:
        fields = json.loads(line)
        canonical_line = canonical(fields) + b"\n"
    except (ValueError, RecursionError) as error:
        raise ValueError("it is not JSON") from error
    if not isinstance(fields, dict) or set(fields) != set(_FIELDS):
        raise ValueError("it has not the fields of an entry")
    if canonical_line != line:
        raise ValueError("it is not in canonical form")
    return fields


def _texts(fields: Mapping[str, object], name: str, members: tuple[str, ...]) -> dict[str, str]:
    value = fields[name]
    if not isinstance(value, dict) or set(value) != set(members):
        raise ValueError(f"its {name!r} has not the members it must have")
    if not all(isinstance(text, str) for text in value.values()):
        raise ValueError(f"a member of its {name!r} is not text")
    return value
