"""The jobs that identify, in caged workers: only there the engines meet untrusted files.

The engines open files by their paths, so these workers must be ones that open files.
"""

from collections.abc import Mapping, Sequence
from typing import BinaryIO

import msgspec

from preservation.identification.exchange import FoundFormats
from preservation.identification.identify import Identifier
from preservation.tools.wire import unpacked
from preservation.tools.work import Json


def identify(arguments: Mapping[str, Json], _: Sequence[BinaryIO], __: Sequence[BinaryIO]) -> Json:
    """Identify the files at ``paths``, with a ``second_opinion`` or without."""
    found = _identifier(arguments).identify_batch([unpacked(text) for text in arguments["paths"]])
    return msgspec.to_builtins(FoundFormats.gathered(found))


def releases(arguments: Mapping[str, Json], _: Sequence[BinaryIO], __: Sequence[BinaryIO]) -> Json:
    """Return the engines with their releases, with a ``second_opinion`` or without."""
    return msgspec.to_builtins(_identifier(arguments).releases)


def _identifier(arguments: Mapping[str, Json]) -> Identifier:
    # One file at a time: the pool has a process for each core.
    return Identifier(second_opinion=arguments["second_opinion"], workers=1)
