"""Single files in an inbox that are no drop of their own: pages of one object, and lists of other files."""

import re
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from preservation.archives.walking import is_named_as_archive
from preservation.manifests.names import Likelihood, likelihood
from preservation.model.paths import RelativePath, printable
from preservation.settling.terms import SettlingTerms

_NUMBER: Final = re.compile(r"[0-9]+")
_NUMBERS_LOOKED_AT: Final = 4
"""So many numbers of a name, the last ones, are looked at: a name may have very many."""


@dataclass(frozen=True, slots=True)
class LooseFiles:
    """Files that are held together; ``sentence`` says why, and what can be done."""

    names: tuple[str, ...]
    sentence: str


def loose_files(files: Iterable[str], there: Collection[str], terms: SettlingTerms) -> Iterator[LooseFiles]:
    """Yield what is to be held among the single ``files`` of an inbox, in their order.

    ``there`` are all names in that folder. An archive is a drop of its own, as is a file with a sentinel
    beside it: a person declared that.
    """
    pages: list[str] = []
    for name in files:
        if likelihood(RelativePath(name)) is Likelihood.CERTAIN or terms.beside.matches("", name):
            yield LooseFiles(
                (name,),
                "it is about other files, and no drop of its own; put it into a folder, with those files",
            )
        elif not is_named_as_archive(name) and not any(name + end in there for end in terms.sentinels_beside):
            pages.append(name)
    for names, alike in _alike(pages):
        yield LooseFiles(
            names,
            f"{printable(names[0])} is one of {alike:,} single files that differ in a number only: put these "
            "into a folder, which becomes one object. Where each is to be an object of its own: "
            'loose_pages = "take" in the policy',
        )


def _alike(names: list[str]) -> Iterator[tuple[tuple[str, ...], int]]:
    """Yield the names that differ in one number only, and how many do; each name once."""
    counts = Counter(stem for name in names for stem in _stems(name))
    groups = defaultdict[tuple[str, str], list[str]](list)
    for name in names:
        stem = max(_stems(name), key=counts.__getitem__, default=None)
        if stem is not None and counts[stem] > 1:
            groups[stem].append(name)
    yield from ((tuple(alike), counts[stem]) for stem, alike in groups.items())


def _stems(name: str) -> list[tuple[str, str]]:
    """Return what stands before and behind each number of a name, its extension apart."""
    stem = name.rpartition(".")[0] or name
    numbers = list(_NUMBER.finditer(stem))[-_NUMBERS_LOOKED_AT:]
    return [(name[: one.start()].casefold(), name[one.end() :].casefold()) for one in numbers]
