"""The programs that decode and encode rasters, as agents with their versions."""

import imagecodecs
import PIL
import simplejpeg
import tifffile
from PIL import features

from preservation.model.events import Agent, AgentKind


def _agent(name: str, version: str) -> Agent:
    return Agent(AgentKind.SOFTWARE, name, version)


def _codec(library: str, name: str) -> Agent:
    # imagecodecs gives "libtiff 4.7.1": the version is the last word of it.
    return _agent(name, f"{library.rpartition(' ')[2]} (imagecodecs {imagecodecs.__version__})")


PILLOW = _agent("Pillow", PIL.__version__)
PILLOW_JPEG = _agent("Pillow", f"{PIL.__version__} (libjpeg-turbo {features.version('libjpeg_turbo')})")
SIMPLEJPEG = _agent("simplejpeg", f"{simplejpeg.__version__} (libjpeg-turbo)")
PILLOW_OPENJPEG = _agent("Pillow", f"{PIL.__version__} (OpenJPEG {features.version('jpg_2000')})")
PILLOW_TIFF = _agent("Pillow", f"{PIL.__version__} (libtiff {features.version('libtiff')})")
TIFFFILE = _agent("tifffile", f"{tifffile.__version__} (imagecodecs {imagecodecs.__version__})")
LIBTIFF = _codec(imagecodecs.tiff_version(), "libtiff")
LIBPNG = _codec(imagecodecs.png_version(), "libpng")
OPENJPEG = _codec(imagecodecs.jpeg2k_version(), "OpenJPEG")


def in_words(agent: Agent) -> str:
    """Return the agent as it is named in a sentence."""
    return f"{agent.name} {agent.version}".strip()
