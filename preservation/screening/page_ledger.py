"""Remembers the pages of a drop, so that those which are the same are found, however far apart they lie.

Two numbers of 64 bits a page are held in memory: its look, and where the rest of it lies in a temporary file.
Every page is compared with all before it, which takes two milliseconds at a million pages.
"""

import os
import tempfile
import weakref
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final, cast

import numpy as np
from numpy.typing import NDArray

from preservation.model.page_measures import PageMeasures
from preservation.model.paths import RelativePath

_FIRST_ROOM: Final = 1024
_NEAR: Final = 8
"""Bits, of the 64 of a look, by which the looks of two scans of one page may differ."""
_NEAREST: Final = 5
"""So many of the pages that look alike are compared by their signatures."""
_EDGE, _AROUND = 32, 2
_SIGNATURE: Final = _EDGE * _EDGE


@dataclass(frozen=True, slots=True)
class EarlierPage:
    """A page that was seen before: which one of which file, the file's digest, and how alike, in per cent."""

    path: RelativePath
    number: int
    digest: str
    likeness: float = 100.0


class PageLedger:
    """The pages of one drop so far. ``folder`` is where the temporary file lies, which has no name there."""

    def __init__(self, folder: Path) -> None:
        self._rest = cast("BinaryIO", tempfile.TemporaryFile(dir=folder))  # noqa: SIM115  see the next line
        weakref.finalize(self, self._rest.close)
        self._looks = np.empty(_FIRST_ROOM, np.uint64)
        self._offsets = np.empty(_FIRST_ROOM, np.uint64)
        self._count = 0

    def most_alike(self, page: PageMeasures) -> EarlierPage | None:
        """Return the earlier page that is most like this one; ``None`` where none looks like it."""
        look = np.uint64(int(page.look, 16))
        distances = np.bitwise_count(self._looks[: self._count] ^ look)
        near = np.flatnonzero(distances <= _NEAR)
        if not len(near):
            return None
        nearest = near[np.argsort(distances[near], kind="stable")[:_NEAREST]]
        return max(
            (self._page(int(place), page.signature) for place in nearest), key=lambda found: found.likeness
        )

    def remember(self, path: RelativePath, digest: str, page: PageMeasures) -> None:
        """Enter a page of a file with that digest."""
        if self._count == len(self._looks):
            self._looks, self._offsets = _doubled(self._looks), _doubled(self._offsets)
        self._looks[self._count] = int(page.look, 16)
        self._offsets[self._count] = self._rest.seek(0, os.SEEK_END)
        name = b"\0".join((digest.encode(), str(page.number).encode(), os.fsencode(path)))
        self._rest.write(page.signature[:_SIGNATURE].ljust(_SIGNATURE, b"\0") + len(name).to_bytes(4) + name)
        self._count += 1

    def _page(self, place: int, signature: bytes) -> EarlierPage:
        self._rest.seek(int(self._offsets[place]))
        other = self._rest.read(_SIGNATURE)
        digest, number, path = self._rest.read(int.from_bytes(self._rest.read(4))).split(b"\0", 2)
        likeness = _likeness(signature, other)
        return EarlierPage(RelativePath(os.fsdecode(path)), int(number), digest.decode(), likeness)


def _likeness(one: bytes, other: bytes) -> float:
    """Return how alike two signatures are in per cent, whatever their brightness and contrast.

    What is compared is how each place differs from those around it: that text is dark and a margin light is
    so of every page.
    """
    if len(one) != _SIGNATURE:
        return 0.0
    details = [_details(signature) for signature in (one, other)]
    strength = float(np.sqrt(np.square(details[0]).sum() * np.square(details[1]).sum()))
    return round(100 * float((details[0] * details[1]).sum()) / strength, 1) if strength else 0.0


def _details(signature: bytes) -> NDArray[np.float32]:
    grey = np.frombuffer(signature, np.uint8).reshape(_EDGE, _EDGE).astype(np.float32)
    padded = np.pad(grey, _AROUND, mode="edge")
    side = 2 * _AROUND + 1
    windows = np.lib.stride_tricks.sliding_window_view(padded, (side, side))
    around: NDArray[np.float32] = windows.mean(axis=(2, 3), dtype=np.float32)
    return grey - around


def _doubled(numbers: NDArray[np.uint64]) -> NDArray[np.uint64]:
    return np.concatenate([numbers, np.empty_like(numbers)])
