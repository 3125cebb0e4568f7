"""The jobs that identify, in caged workers: only there the engines meet untrusted files.

The engines open files by their paths, so these workers must be ones that open files.
"""

from collections.abc import Mapping, Sequence
from typing import BinaryIO

import msgspec

from preservation.identification.exchange import FoundFormats
from preservation.identification.identify import Identifier
from preservation.identification.links import SLOT, reserve_slot
from preservation.tools.wire import unpacked
from preservation.tools.work import Json

reserve_slot(SLOT)


def identify(arguments: Mapping[str, Json], _: Sequence[BinaryIO], __: Sequence[BinaryIO]) -> Json:
    """Identify the files at ``paths``, each shown under its link, with a ``second_opinion`` or without."""
    paths, links = ([unpacked(text) for text in arguments[key]] for key in ("paths", "links"))
    found = _identifier(arguments).identify_shown(zip(paths, links, strict=True), SLOT)
    return msgspec.to_builtins(FoundFormats.gathered(found))


def releases(arguments: Mapping[str, Json], _: Sequence[BinaryIO], __: Sequence[BinaryIO]) -> Json:
    """Return the engines with their releases, with a ``second_opinion`` or without."""
    return msgspec.to_builtins(_identifier(arguments).releases)


def _identifier(arguments: Mapping[str, Json]) -> Identifier:
    return Identifier(second_opinion=arguments["second_opinion"])
