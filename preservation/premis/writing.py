"""A whole PREMIS 3 record, written as its parts come."""

from typing import Protocol

from preservation.model.events import Agent
from preservation.premis.contents import PremisContents
from preservation.premis.events import agent, events
from preservation.premis.objects import objects
from preservation.premis.units import NAMESPACE

_OPENING = (
    '<?xml version="1.0" encoding="UTF-8"?>\n'
    f'<premis xmlns="{NAMESPACE}" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" '
    f'xsi:schemaLocation="{NAMESPACE} https://www.loc.gov/standards/premis/premis.xsd" version="3.0">\n'
)
_CLOSING = "</premis>\n"


class ByteSink(Protocol):
    """Anything bytes can be written to."""

    def write(self, content: bytes, /) -> object:
        """Take all of ``content``."""


def write_premis(contents: PremisContents, sink: ByteSink) -> None:
    """Write ``contents`` as PREMIS 3 XML, valid against premis-v3-0.xsd, in flat memory.

    Agents come last, once each, in the order in which they are first named. Raises what reading the
    records raises.
    """
    sink.write(_OPENING.encode())
    for written_object in objects(contents):
        sink.write(written_object.encode())
    # A dictionary for its order: a set's order differs from run to run.
    agents: dict[Agent, None] = {}
    for event in events(contents):
        agents.update(dict.fromkeys(event.agents))
        sink.write(event.xml.encode())
    for value in agents:
        sink.write(agent(value, contents.engines).encode())
    sink.write(_CLOSING.encode())
