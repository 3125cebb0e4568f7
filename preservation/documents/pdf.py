"""pypdf, wholly loaded: it imports its parts at first use otherwise, which is too late in a caged worker."""

import importlib
import pkgutil
from contextlib import suppress

import pypdf

from preservation.model.events import Agent, AgentKind

for _part in (
    "subprocess",
    "tempfile",
    *(module.name for module in pkgutil.walk_packages(pypdf.__path__, "pypdf.")),
):
    # One of two cryptographic libraries is enough for it.
    with suppress(ImportError):
        importlib.import_module(_part)

PYPDF = Agent(AgentKind.SOFTWARE, "pypdf", pypdf.__version__)
