"""What a replica must hold: every file of a version's own folder, by lists that are as they were kept.

The lists are read in order and not held, for a version may have a million files.
"""

import io
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from operator import itemgetter
from pathlib import Path
from typing import BinaryIO, TypeAlias

from preservation.bagit.fetch import FETCH_TXT, FetchEntry, parse_fetch
from preservation.bagit.manifests import ManifestEntry, decode_path, parse_manifest
from preservation.errors import IntegrityError, NotFoundError, PreservationError
from preservation.model.digests import Digests, parse_digest
from preservation.model.identifiers import PackageId, StoreName
from preservation.model.paths import BagPath, StoreKey, bag_path, path_order
from preservation.model.tag_digests import TagDigest
from storage.ports.stores import Store
from storage.readback import PromisedFile
from storage.restore.description import PAYLOAD, TagFiles, tag_files
from storage.restore.verified_list import verified_list

_FETCH = BagPath(FETCH_TXT)

_Listed: TypeAlias = tuple[bytes, BagPath, Digests]
"""A file of a list: its place in the order of the paths, its path, what is promised of it."""


class UnsortedError(Exception):
    """A list is not in the order of the paths."""


@dataclass(frozen=True)
class Promises:
    """The files that a version keeps in its own folder, in the order of their paths, as often as asked.

    ``lists_in`` is the store whose lists these are. What the version relies on in earlier ones is promised
    by those.
    """

    found: TagFiles
    lists_in: StoreName
    _manifest: BinaryIO
    _fetch: BinaryIO | None

    @property
    def package(self) -> PackageId:
        """The version."""
        return self.found.package

    def files(self, after: BagPath | None = None, *, sort: bool = False) -> Iterator[PromisedFile]:
        """Yield each file of the version's own folder; only those behind ``after``, where given.

        Raises ``UnsortedError`` where the lists are in another order, unless they are to be sorted, which
        holds them in memory; ``IntegrityError`` where a list, though it is as it was kept, is none.
        """
        start = b"" if after is None else path_order(after)
        prefix = self.package.prefix
        tags = ((path_order(path), path, digests) for path, digests in self.found.tags.items())
        for place, path, digests in _merged(sorted(tags, key=_place), self._own(sort=sort)):
            if place > start:
                yield PromisedFile(StoreKey(f"{prefix}/{path}"), None, digests)

    def is_sorted(self) -> bool:
        """Return whether the lists are in the order of the paths; they are gone through once.

        Raises ``IntegrityError`` where a list, though it is as it was kept, is none.
        """
        try:
            deque(self._own(sort=False), maxlen=0)
        except UnsortedError:
            return False
        return True

    def _own(self, *, sort: bool) -> Iterator[_Listed]:
        """Yield the payload that is no earlier version's, in the order of the paths."""
        payload, fetched = self._payload(), self._fetched()
        if sort:
            payload, fetched = iter(sorted(payload, key=_place)), iter(sorted(fetched))
        last, elsewhere = b"", next(fetched, None)
        for entry in payload:
            place = entry[0]
            while elsewhere is not None and elsewhere < place:
                elsewhere = _after(elsewhere, next(fetched, None))
            if place <= last:
                raise UnsortedError
            last = place
            if place != elsewhere:
                yield entry

    def _payload(self) -> Iterator[_Listed]:
        algorithm = self.found.algorithm
        for line in parse_manifest(_lines(self._manifest)):
            if not isinstance(line, ManifestEntry):
                raise self._unlisted(self.found.manifest, line.number)
            try:
                path, digest = bag_path(decode_path(line.path)), parse_digest(algorithm, line.digest)
            except ValueError as error:
                raise self._unlisted(self.found.manifest, line.number) from error
            if not path.startswith(PAYLOAD):
                raise self._unlisted(self.found.manifest, line.number)
            yield path_order(path), path, {algorithm: digest}

    def _fetched(self) -> Iterator[bytes]:
        if self._fetch is None:
            return
        for line in parse_fetch(_lines(self._fetch)):
            if not isinstance(line, FetchEntry):
                raise self._unlisted(_FETCH, line.number)
            yield path_order(decode_path(line.path))

    def _unlisted(self, listing: BagPath, number: int) -> IntegrityError:
        return IntegrityError(
            f"store {self.lists_in}: {self.package}: {listing}, line {number}, names no file of a bag, and "
            "the list is as it was kept; restore the version and look at it: "
            f"muniment restore {self.package.object} TARGET --version {self.package.version} --dry-run"
        )


@contextmanager
def promises_of(
    package: PackageId, stores: Sequence[Store], recorded: Sequence[TagDigest], scratch: Path
) -> Iterator[Promises]:
    """Read the lists of a version from the first of ``stores`` that has all of them as they were kept.

    ``recorded`` are the digests of its tag manifests; without any, the lists of one store vouch for
    themselves alone. Lists that are long wait in ``scratch``.

    Raises ``NotFoundError`` where no store has the version, ``IntegrityError`` where none has its lists as
    they were kept, ``StorageError`` where one that could have them does not answer.
    """
    errors: list[PreservationError] = []
    for store in stores:
        with ExitStack() as opened:
            try:
                found = tag_files(store, package, recorded)
                manifest = opened.enter_context(
                    verified_list(store, package, found.manifest, found.tags[found.manifest], scratch)
                )
                fetch = (
                    opened.enter_context(verified_list(store, package, _FETCH, found.tags[_FETCH], scratch))
                    if _FETCH in found.tags
                    else None
                )
            except PreservationError as error:
                errors.append(error)
                continue
            lists = opened.pop_all()
        with lists:
            yield Promises(found, store.name, manifest, fetch)
        return
    raise _none(package, errors)


def _none(package: PackageId, errors: Sequence[PreservationError]) -> PreservationError:
    """Return the error where no store has the lists: of a store that did not answer, else what was seen."""
    for error in errors:
        if not isinstance(error, IntegrityError | NotFoundError):
            return error
    reasons = ". ".join(str(error).rstrip(".") for error in errors)
    if all(isinstance(error, NotFoundError) for error in errors):
        return NotFoundError(f"{package}: no store has this version. {reasons}")
    return IntegrityError(f"{package}: no store has its lists as they were kept. {reasons}")


def _lines(copy: BinaryIO) -> Iterator[str]:
    """Yield the lines of a list from its start, without their ends."""
    copy.seek(0)
    text = io.TextIOWrapper(copy, "utf-8", "surrogateescape")
    try:
        for line in text:
            yield line.removesuffix("\n")
    finally:
        # The copy is read again.
        text.detach()


_place = itemgetter(0)


def _merged(few: Sequence[_Listed], many: Iterable[_Listed]) -> Iterator[_Listed]:
    """Yield what is in both in the order of the places; both are in it."""
    left = deque(few)
    for one in many:
        while left and left[0][0] < one[0]:
            yield left.popleft()
        yield one
    yield from left


def _after(before: bytes, place: bytes | None) -> bytes | None:
    """Return the next place of a list. Raises ``UnsortedError`` where it comes before the one before."""
    if place is not None and place <= before:
        raise UnsortedError
    return place
