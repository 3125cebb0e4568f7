"""Names of a drop that collide once case or accents are lost."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass

from preservation.model.paths import RelativePath, folded


@dataclass(frozen=True, slots=True)
class Twin:
    """An earlier name that differs from ``name`` only in case, or only in how its accents are spelled.

    Both are paths from the root of the drop, of a file or of a folder.
    """

    name: str
    earlier: str

    @property
    def differs_in_case(self) -> bool:
        """True for ``Map`` and ``map``; false for two spellings of the same accented letters."""
        return unicodedata.normalize("NFC", self.name) != unicodedata.normalize("NFC", self.earlier)


class NameLedger:
    """Remembers every name of a drop by what is left of it without case and normalization.

    About 300 bytes a name: what this costs for a hundred thousand files is measured in the tests.
    """

    def __init__(self) -> None:
        self._spellings: dict[str, str] = {}

    def twins_of(self, path: RelativePath) -> Iterator[Twin]:
        """Enter ``path``; yield each twin among the names entered before, its own or that of a folder above.

        A folder's twin is told once, not again for every file in the folder.
        """
        for name in _prefixes(path):
            without_case = folded(name)
            # Most names are written in lower case: one string serves as both, and memory is halved.
            key = name if without_case == name else without_case
            earlier = self._spellings.setdefault(key, name)
            if earlier != name:
                yield Twin(name, earlier)
                # The folder's own spelling is what the next file below it is compared with.
                self._spellings[key] = name


def _prefixes(path: str) -> Iterator[str]:
    position = path.find("/")
    while position >= 0:
        yield path[:position]
        position = path.find("/", position + 1)
    yield path
