"""Telling which of two thousand patterns can match at all, from a few bytes that each cannot do without.

Most patterns of PRONOM begin with bytes at a known place: one look at each such place leaves a handful.
What is sieved out cannot match; what is left may or may not.
"""

import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Generic, TypeVar

_Value = TypeVar("_Value")

_START = re.compile(rb"\(\?s\)(?P<anchor>\\A)?(?:\.\{(?P<least>\d+)(?P<range>,(?P<most>\d*))?\})?")
# One byte that stands for itself, with nothing after it that repeats it or makes it optional.
_BYTE = re.compile(
    rb"(?:\\x(?P<hex>[0-9a-fA-F]{2})|\\(?P<control>[nrtfv])|\\(?P<escaped>[^0-9A-Za-z])|(?P<plain>[^\\.\[\](){}*+?|^$]))"
    rb"(?![*+?{])",
    re.DOTALL,
)
_CONTROL = {b"n": b"\n", b"r": b"\r", b"t": b"\t", b"f": b"\f", b"v": b"\v"}
_SAID_OTHERWISE = re.compile(rb"\\.|\[(?:\\.|[^\]\\])*\]", re.DOTALL)
_KEY_BYTES = 4


@dataclass(frozen=True, slots=True)
class Need:
    """Bytes without which a pattern cannot match.

    They begin at ``first`` to ``last``, counted from the window's beginning; ``None`` is anywhere after.
    """

    content: bytes
    first: int
    last: int | None

    def is_met(self, window: bytes) -> bool:
        """Say whether the bytes are there."""
        end = len(window) if self.last is None else self.last + len(self.content)
        return window.find(self.content, self.first, end) >= 0


def need_of(expression: bytes, *, anchored: bool) -> Need | None:
    """Return what the pattern needs at its beginning; ``None`` where that is not known.

    ``anchored``: the pattern is matched at the beginning of a window, not searched for in it.
    """
    start = _START.match(expression)
    if start is None or _has_alternatives(expression):
        return None
    content = _literal_at(expression, start.end())
    if not content:
        return None
    least = int(start["least"] or 0)
    if not (anchored or start["anchor"]):
        return Need(content, least, None)
    if start["range"] is None:
        return Need(content, least, least)
    return Need(content, least, int(start["most"]) if start["most"] else None)


class Sieve(Generic[_Value]):
    """Values behind patterns, each with what its pattern needs, or ``None`` where it may always match."""

    def __init__(self, values: Iterable[tuple[Need | None, _Value]]) -> None:
        self._values: list[_Value] = []
        self._always: list[int] = []
        self._sought: list[tuple[Need, int]] = []
        self._at_places: defaultdict[tuple[int, int], defaultdict[bytes, list[int]]] = defaultdict(
            lambda: defaultdict(list)
        )
        for number, (need, value) in enumerate(values):
            self._values.append(value)
            self._put(need, number)

    def possible(self, window: bytes) -> list[_Value]:
        """Return the values whose patterns may match the window, in the order in which they were given."""
        numbers = [*self._always, *(number for need, number in self._sought if need.is_met(window))]
        for (place, length), by_key in self._at_places.items():
            numbers += by_key.get(window[place : place + length], ())
        return [self._values[number] for number in sorted(numbers)]

    def _put(self, need: Need | None, number: int) -> None:
        if need is None:
            self._always.append(number)
        elif need.first == need.last:
            key = need.content[:_KEY_BYTES]
            self._at_places[need.first, len(key)][key].append(number)
        else:
            self._sought.append((need, number))


def _literal_at(expression: bytes, position: int) -> bytes:
    content = bytearray()
    while found := _BYTE.match(expression, position):
        if found["hex"]:
            content += bytes.fromhex(found["hex"].decode())
        elif found["control"]:
            content += _CONTROL[found["control"]]
        else:
            content += found["escaped"] or found["plain"]
        position = found.end()
    return bytes(content)


def _has_alternatives(expression: bytes) -> bool:
    """Say whether the whole pattern, not only a group in it, is one thing or another."""
    depth = 0
    for character in _SAID_OTHERWISE.sub(b"", expression):
        depth += (character == ord("(")) - (character == ord(")"))
        if character == ord("|") and depth == 0:
            return True
    return False
