"""The programs that look into files, as agents: named here, since only caged processes load them."""

from importlib.metadata import version
from typing import Final, Literal, TypeAlias

from preservation.model.events import Agent, AgentKind

Decoder: TypeAlias = Literal["pillow", "imagecodecs", "tifffile", "simplejpeg"]
"""What decoded an image, by the name of its distribution."""

Reader: TypeAlias = Literal["pypdf", "pikepdf", "imagecodecs", "simplejpeg"]
"""What read a PDF or an image in it, likewise; pikepdf is what qpdf is called by."""


def _agent(name: str) -> Agent:
    return Agent(AgentKind.SOFTWARE, name, version(name))


DECODERS: Final[dict[Decoder, Agent]] = {
    "pillow": _agent("Pillow"),
    "imagecodecs": _agent("imagecodecs"),
    "tifffile": _agent("tifffile"),
    "simplejpeg": _agent("simplejpeg"),
}
XML_READER: Final = _agent("lxml")
"""What reads XML and holds it against schemas; it is what libxml2 is called by."""

READERS: Final[dict[Reader, Agent]] = {
    "pypdf": _agent("pypdf"),
    "pikepdf": _agent("pikepdf"),
    "imagecodecs": DECODERS["imagecodecs"],
    "simplejpeg": DECODERS["simplejpeg"],
}
