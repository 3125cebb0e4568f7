"""What a provider states of a replica, laid beside what was kept. It confirms nothing: no byte is read."""

import heapq
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import groupby
from typing import NamedTuple

from preservation.model.digests import Algorithm, Digests
from preservation.model.identifiers import PackageId
from preservation.model.paths import BagPath, path_order, printable
from storage.audits.promises import Promises, UnsortedError
from storage.ports.providers import Provider, StatedFile
from storage.readback import PromisedFile

_NAMED = 10


class CataloguedFile(NamedTuple):
    """What the catalogue has of a file that was kept."""

    size: int
    digests: Digests


@dataclass(frozen=True, slots=True)
class StatedReplica:
    """What the provider states of one replica.

    Of ``agreeing`` files it states a digest that is the kept one; of ``silent`` ones no digest that was kept;
    of ``differing`` ones another digest, another size, or that there is no such file, or one more.
    ``sentences`` are on the first of these.
    """

    package: PackageId
    agreeing: int
    silent: int
    differing: int
    sentences: tuple[str, ...]


def stated_replica(
    provider: Provider, promises: Promises, catalogued: Mapping[BagPath, CataloguedFile]
) -> StatedReplica:
    """Compare what the provider states of a version's own folder with its lists and the catalogue.

    ``catalogued`` has sizes, and digests that no list has. Raises ``StorageError`` where the provider does
    not answer.
    """
    try:
        return _compared(provider, promises, catalogued, sort=False)
    except UnsortedError:
        return _compared(provider, promises, catalogued, sort=True)


def _compared(
    provider: Provider, promises: Promises, catalogued: Mapping[BagPath, CataloguedFile], *, sort: bool
) -> StatedReplica:
    package = promises.package
    prefix = f"{package.prefix}/"
    agreeing = silent = differing = 0
    sentences: list[str] = []
    for promised, stated in _pairs(promises.files(sort=sort), provider.stated(package.prefix)):
        path = BagPath(stated.key.removeprefix(prefix)) if stated is not None else None
        known = None if path is None else catalogued.get(path)
        fault = _fault(promised, stated, known)
        if fault:
            differing += 1
            if len(sentences) < _NAMED:
                sentences.append(f"store {provider.name}: the provider states {fault}")
        elif stated is not None and promised is not None and _common(promised, stated, known):
            agreeing += 1
        else:
            silent += 1
    return StatedReplica(package, agreeing, silent, differing, tuple(sentences))


def _pairs(
    promised: Iterator[PromisedFile], stated: Iterator[StatedFile]
) -> Iterator[tuple[PromisedFile | None, StatedFile | None]]:
    """Yield what is promised beside what is stated of the same key; both come in the order of the keys."""
    both: Iterator[PromisedFile | StatedFile] = heapq.merge(
        promised, stated, key=lambda one: path_order(one.key)
    )
    for _, found in groupby(both, key=lambda one: one.key):
        of_key = list(found)
        yield (
            next((one for one in of_key if isinstance(one, PromisedFile)), None),
            next((one for one in of_key if isinstance(one, StatedFile)), None),
        )


def _fault(promised: PromisedFile | None, stated: StatedFile | None, known: CataloguedFile | None) -> str:
    """Return what is stated otherwise than it was kept, as the end of a sentence; empty: nothing is."""
    if stated is None:
        return "" if promised is None else f"no file {printable(promised.key)}, which was kept"
    name = printable(stated.key)
    if promised is None:
        return f"a file {name}, which no manifest names"
    if known is not None and known.size != stated.size:
        return f"{stated.size:,} bytes of {name}, and {known.size:,} were kept"
    for algorithm, (kept, found) in _common(promised, stated, known).items():
        if kept != found:
            return f"the {algorithm.value} {found} of {name}, and {kept} was kept"
    return ""


def _common(
    promised: PromisedFile, stated: StatedFile, known: CataloguedFile | None
) -> dict[Algorithm, tuple[str, str]]:
    """Return the digests that were kept and are stated, by their algorithms."""
    kept: Digests = {**({} if known is None else known.digests), **promised.digests}
    return {one: (kept[one], found) for one, found in stated.digests.items() if one in kept}
