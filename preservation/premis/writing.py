"""A whole PREMIS 3 record, written as its parts come."""

import shutil
from contextlib import ExitStack
from pathlib import Path
from tempfile import SpooledTemporaryFile
from typing import IO, Protocol

from preservation.model.events import Agent
from preservation.premis import identifiers
from preservation.premis.contents import PremisContents
from preservation.premis.events import WrittenEvent, agent, file_events, package_events
from preservation.premis.identifiers import Part
from preservation.premis.objects import files
from preservation.premis.representations import entity, representation, version
from preservation.premis.rights import rights
from preservation.premis.units import NAMESPACE

_OPENING = (
    '<?xml version="1.0" encoding="UTF-8"?>\n'
    f'<premis xmlns="{NAMESPACE}" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" '
    f'xsi:schemaLocation="{NAMESPACE} https://www.loc.gov/standards/premis/premis.xsd" version="3.0">\n'
)
_CLOSING = "</premis>\n"
_IN_MEMORY = 64 << 10


class ByteSink(Protocol):
    """Anything bytes can be written to."""

    def write(self, content: bytes, /) -> object:
        """Take all of ``content``."""


def write_premis(contents: PremisContents, sink: ByteSink, scratch: Path | None = None) -> None:
    """Write ``contents`` as PREMIS 3 XML, valid against premis-v3-0.xsd, in flat memory and in one pass.

    Files come first; what names all of them, and their events, waits in unnamed files in the folder
    ``scratch``. Agents come once each, in the order in which they are first named. Raises what reading the
    records raises.
    """
    with ExitStack() as waiting:
        record = _Record(sink, scratch, waiting)
        record.write(_OPENING)
        for dossier in contents.files:
            if (kept := dossier.kept) is None:
                continue
            for written in files(contents, dossier, kept):
                record.write(written.xml)
                record.put_off(written.part, written.identifier.named("relatedObjectIdentifier"))
            for event in file_events(contents, dossier):
                record.put_off("events", event.xml)
                record.name_agents(event)
        parts = [part for part in Part if record.has(part)]
        for part in parts:
            record.write_around(part, *representation(contents, part, parts))
        record.write(version(contents, parts))
        record.write(entity(contents))
        for event in package_events(contents, parts):
            record.write(event.xml)
            record.name_agents(event)
        record.write_around("events", "", "")
        for value in record.agents:
            record.write_around(value, *agent(value, contents.engines))
        for statement in rights(contents):
            record.write(statement)
        record.write(_CLOSING)


class _Record:
    """A record being written: what goes into it at once, and what is put off until its place comes."""

    def __init__(self, sink: ByteSink, scratch: Path | None, waiting: ExitStack) -> None:
        self._sink = sink
        self._scratch = None if scratch is None else str(scratch)
        self._waiting = waiting
        self._put_off: dict[Part | Agent | str, IO[bytes]] = {}

    @property
    def agents(self) -> list[Agent]:
        """Every agent that was named, in the order in which they were."""
        return [key for key in self._put_off if isinstance(key, Agent)]

    def write(self, text: str) -> None:
        """Write ``text`` now."""
        self._sink.write(text.encode())

    def put_off(self, key: Part | Agent | str, text: str) -> None:
        """Keep ``text`` for ``write_around``."""
        if key not in self._put_off:
            self._put_off[key] = self._waiting.enter_context(
                SpooledTemporaryFile(_IN_MEMORY, dir=self._scratch)  # noqa: SIM115  closed with ``waiting``
            )
        self._put_off[key].write(text.encode())

    def has(self, part: Part) -> bool:
        """Return whether a file of that part was written."""
        return part in self._put_off

    def name_agents(self, event: WrittenEvent) -> None:
        """Keep the link from each agent of an event back to it."""
        link = identifiers.event(event.identifier).named("linkingEventIdentifier")
        for value in event.agents:
            self.put_off(value, link)

    def write_around(self, key: Part | Agent | str, before: str, after: str) -> None:
        """Write ``before``, what was put off under ``key``, and ``after``."""
        self.write(before)
        if key in self._put_off:
            self._put_off[key].seek(0)
            shutil.copyfileobj(self._put_off[key], self._sink)
        self.write(after)
