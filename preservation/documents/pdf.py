"""pypdf, wholly loaded: it imports its parts at first use otherwise, which is too late in a caged worker."""

import importlib
import pkgutil
from contextlib import suppress
from typing import TypeVar

import pypdf
from pypdf.generic import PdfObject

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

Kind = TypeVar("Kind", bound=PdfObject)


def resolved(found: object, kind: type[Kind]) -> Kind | None:
    """Return the object that ``found`` is or refers to, where it is of that kind."""
    value = found.get_object() if isinstance(found, PdfObject) else None
    return value if isinstance(value, kind) else None
