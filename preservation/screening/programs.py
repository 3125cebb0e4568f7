"""The programs that look into files, as agents: named here, since only caged processes load them."""

from importlib.metadata import version
from typing import Final, Literal, TypeAlias

from preservation.model.events import Agent, AgentKind

Decoder: TypeAlias = Literal["pillow", "imagecodecs", "tifffile", "simplejpeg"]
"""What decoded an image, by the name of its distribution."""


def _agent(name: str) -> Agent:
    return Agent(AgentKind.SOFTWARE, name, version(name))


DECODERS: Final[dict[Decoder, Agent]] = {
    "pillow": _agent("Pillow"),
    "imagecodecs": _agent("imagecodecs"),
    "tifffile": _agent("tifffile"),
    "simplejpeg": _agent("simplejpeg"),
}
PDF_READER: Final = _agent("pypdf")
