"""Numbers and sizes as people write them."""

from collections.abc import Callable
from typing import Final, TypeAlias

_UNITS: Final = ("bytes", "kB", "MB", "GB", "TB")
_THOUSAND: Final = 1000

OnProgress: TypeAlias = Callable[[int, int], None]
"""Takes how many more files, and how many more bytes, are done. It is called from any thread."""


def count(number: int, noun: str, plural: str = "") -> str:
    """Return a number with its noun: ``1 file``, ``12,345 files``; ``plural`` is one that takes no ``s``."""
    return f"{number:,} {noun if number == 1 else plural or f'{noun}s'}"


def byte_size(size: int) -> str:
    """Return a size for people, in decimal units, three digits long: ``12.3 MB``."""
    amount = float(size)
    for unit in _UNITS:
        if amount < _THOUSAND or unit == _UNITS[-1]:
            break
        amount /= _THOUSAND
    if unit == _UNITS[0]:
        return count(size, "byte")
    return f"{amount:.1f} {unit}" if amount < _THOUSAND / 10 else f"{amount:,.0f} {unit}"
