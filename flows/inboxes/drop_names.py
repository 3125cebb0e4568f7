"""The names of answered drops, and of what lies beside them."""

import re
from collections.abc import Iterator
from itertools import count
from typing import Final

REJECT_LIST: Final = ".reject-list.csv"
RECEIPTS: Final = (".receipt.html", ".receipt.json", REJECT_LIST)
"""What may lie beside an answered drop; the reject list only beside one that was sent back."""

KEPT: Final = ".kept.json"

_NUMBERED: Final = re.compile(r"(.+) \(([2-9]|[1-9][0-9]{1,5})\)", re.DOTALL)


def names_for(name: str) -> Iterator[str]:
    """Yield the names that a drop can have where others are taken: ``sheet``, ``sheet (2)`` and so on."""
    yield name
    yield from (f"{name} ({number})" for number in count(2))


def unnumbered(name: str) -> str:
    """Return what such a name was made from; ``""`` where it is no such name."""
    found = _NUMBERED.fullmatch(name)
    return found.group(1) if found else ""
