"""An exported journal: files of lines, of signed heads and of public keys, wherever they lie."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import BinaryIO

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from preservation.errors import ConfigurationError, IntegrityError, NotFoundError, PreservationError
from preservation.model.paths import StoreKey, printable
from storage.journal.entries import read_entry
from storage.journal.heads import is_signed, read_head
from storage.journal.keys import PUBLIC_KEY_SUFFIX, key_id, read_public_key
from storage.journal.verification import (
    Broken,
    ChainFault,
    Intact,
    JournalVerdict,
    verify,
    verify_journal,
    with_findings,
)
from storage.ports.journal import GENESIS, Head, Journal, KeyId, SignedHead
from storage.ports.stores import Store, opened_file

FOLDER = StoreKey("_journal")
"""Where every store keeps the journal; no collection's name begins so."""

LINES_NAME = "journal.jsonl"
HEADS_NAME = "heads.jsonl"
HEAD_SUFFIX = ".head.json"
TOKEN_SUFFIX = ".tsr"  # noqa: S105  of a time stamp
FAULTS_NAME = "faults.jsonl"
"""What was found when the journal was exported; absent where it was sound."""

_SEGMENT = re.compile(r"([0-9]{9,})-([0-9]{9,})(?:\.[0-9]+)?(\.jsonl|\.head\.json)")
"""A segment's lines or its head; with a further number where it was given again, because one was damaged."""

_Opener = Callable[[str], AbstractContextManager[BinaryIO]]
_Span = tuple[int, int]


class ExportedJournal:
    """The lines, signed heads and public keys of an exported journal or of its sealed segments.

    ``names`` are the files; ``open_file`` opens one of them; ``place`` is where they lie, for people. Of
    one segment there may be several files, also from several stores: one that is sound is enough.
    """

    def __init__(self, place: str, names: Sequence[str], open_file: _Opener) -> None:
        self.place = place
        self._open = open_file
        self._whole = [name for name in names if Path(name).name == LINES_NAME]
        self._segments: dict[_Span, list[str]] = {}
        self._segment_heads: dict[_Span, list[str]] = {}
        for name in sorted(names):
            if match := _SEGMENT.fullmatch(Path(name).name):
                kind = self._segment_heads if match[3] == HEAD_SUFFIX else self._segments
                kind.setdefault((int(match[1]), int(match[2])), []).append(name)
        of_segments = {name for same in self._segment_heads.values() for name in same}
        self._other_heads = [
            name
            for name in sorted(names)
            if name.endswith((HEADS_NAME, HEAD_SUFFIX)) and name not in of_segments
        ]
        self._faults = [name for name in sorted(names) if Path(name).name == FAULTS_NAME]
        self._keys = [name for name in sorted(names) if name.endswith(PUBLIC_KEY_SUFFIX)]
        if not self._whole and not self._segments:
            raise NotFoundError(
                f"{place}: there is no journal; name the folder that muniment journal export wrote"
            )

    def lines(self, keys: Mapping[KeyId, Ed25519PublicKey] | None = None) -> Iterator[bytes]:
        """Yield every line, in the order of the segments.

        Of files of the same entries it takes one that follows from what precedes it and leads to a head
        that one of ``keys`` signed, or the first one where there is none such.
        """
        if self._whole:
            for name in self._whole:
                yield from self._lines_of(name)
            return
        vouched = {signed.head for signed in self.heads(keys) if keys is None or is_signed(signed, keys)}
        left = sorted(self._segments)
        head = GENESIS
        while left:
            here = [span for span in left if span[0] == head.seq + 1] or left[:1]
            span, name = self._choose(here, head, vouched)
            line = b""
            for line in self._lines_of(name):
                yield line
            head = _head_of(line) or Head(span[1], GENESIS.hash)
            left = [other for other in left if other[0] > span[1] and other != span]

    def heads(self, keys: Mapping[KeyId, Ed25519PublicKey] | None = None) -> tuple[SignedHead, ...]:
        """Return every signed head; of the files of one segment those that are signed by ``keys``, if any.

        Raises ``IntegrityError`` where one cannot be read, and there is no other of its segment.
        """
        found = [signed for name in self._other_heads for signed in self._heads_of(name)]
        for names in self._segment_heads.values():
            read: list[SignedHead] = []
            faults: list[IntegrityError] = []
            for name in names:
                try:
                    read += self._heads_of(name)
                except IntegrityError as error:
                    faults.append(error)
            if not read and faults:
                raise faults[0]
            found += [signed for signed in read if is_signed(signed, keys or {})] or read
        return tuple(sorted(dict.fromkeys(found), key=lambda signed: signed.head.seq))

    def keys(self) -> dict[KeyId, Ed25519PublicKey]:
        """Return the public keys that lie beside it. They prove nothing by themselves: compare their ids.

        Raises ``ConfigurationError`` where none of them can be read.
        """
        found = {}
        faults: list[PreservationError] = []
        for name in self._keys:
            try:
                with self._open(name) as file:
                    public = read_public_key(file.read(), f"{self.place}, {name}")
            except (ConfigurationError, IntegrityError) as error:
                # A damaged one has a sound one beside it; without it, its heads are by no key of ours.
                faults.append(error)
                continue
            found[key_id(public)] = public
        if faults and not found:
            raise faults[0]
        return found

    def verify(
        self, keys: Mapping[KeyId, Ed25519PublicKey], witness: Iterable[SignedHead] = ()
    ) -> JournalVerdict:
        """Return the verdict by ``keys``, also by the signed heads of a ``witness``.

        What was found when it was exported is a fault of it. Raises ``IntegrityError`` where a signed head
        cannot be read.
        """
        found = verify(self.lines(keys), (*self.heads(keys), *witness), keys)
        return with_findings(found, tuple(fault for name in self._faults for fault in self._faults_of(name)))

    def _faults_of(self, name: str) -> list[ChainFault]:
        with self._open(name) as file:
            try:
                return [msgspec.json.decode(line, type=ChainFault) for line in file]
            except msgspec.MsgspecError as reason:
                raise IntegrityError(
                    f"{self.place}, {name}: this is not a list of faults ({reason}); export the journal again"
                ) from reason

    def _heads_of(self, name: str) -> list[SignedHead]:
        found = []
        with self._open(name) as file:
            for line in file:
                try:
                    found.append(read_head(line))
                except ValueError as reason:
                    raise IntegrityError(
                        f"{self.place}, {name}: this is not a signed head: {reason}; copy this file "
                        "from another export"
                    ) from reason
        return found

    def _lines_of(self, name: str) -> Iterator[bytes]:
        with self._open(name) as file:
            yield from file

    def _choose(self, spans: Sequence[_Span], head: Head, vouched: AbstractSet[Head]) -> tuple[_Span, str]:
        """Return a file of one of ``spans``, all of which begin alike: one that follows ``head``, if any."""
        candidates = [(span, name) for span in spans for name in self._segments[span]]
        if len(candidates) > 1:
            for span, name in candidates:
                try:
                    verdict = verify(self._lines_of(name), start=head)
                except IntegrityError:
                    continue
                if isinstance(verdict, Intact) and verdict.head.seq == span[1] and verdict.head in vouched:
                    return span, name
        return candidates[0]


def _head_of(line: bytes) -> Head | None:
    try:
        return read_entry(line).head
    except ValueError:
        return None


def exported_in_folder(path: Path) -> ExportedJournal:
    """Return the journal in ``path``, a file of lines or a whole folder. Raises ``NotFoundError``."""
    if path.is_dir():
        names = [child.name for child in path.iterdir() if child.is_file()]
        return ExportedJournal(str(path), names, lambda name: (path / name).open("rb"))
    if not path.is_file():
        raise NotFoundError(f"{path}: there is no such file or folder; name an exported journal")
    return ExportedJournal(str(path), [LINES_NAME], lambda _: path.open("rb"))


def exported_in_stores(stores: Sequence[Store]) -> ExportedJournal:
    """Return the sealed segments of all ``stores`` as one journal. Raises as the stores do."""
    where = {f"{store.name}/{kept.key}": (store, kept.key) for store in stores for kept in store.list(FOLDER)}

    @contextmanager
    def opened(name: str) -> Iterator[BinaryIO]:
        store, key = where[name]
        try:
            with opened_file(store, key) as file:
                yield file
        except OSError as error:
            # As for what is damaged, a sound copy may lie beside it or in another store.
            raise IntegrityError(
                f"store {store.name}: {printable(key)} cannot be read: {error.strerror or error}; check that "
                "its disk is healthy"
            ) from error

    place = f"store {' and '.join(store.name for store in stores)}"
    return ExportedJournal(place, list(where), opened)


def restore(journal: Journal, exported: ExportedJournal, keys: Mapping[KeyId, Ed25519PublicKey]) -> Head:
    """Restore what ``journal`` lacks, from an exported one that is intact by ``keys``; return its head.

    Raises ``IntegrityError`` where either is broken, or the exported one does not go on from the other.
    """
    own = verify_journal(journal, keys)
    if isinstance(own, Broken):
        raise IntegrityError(
            f"the journal is broken, and nothing is restored into it: {own.faults[0].message}; begin with an "
            "older or an empty database (docs/journal.md)"
        )
    verdict = exported.verify(keys)
    if isinstance(verdict, Broken):
        raise IntegrityError(
            f"{exported.place}: the journal is not restored from here, for it is broken: "
            f"{verdict.faults[0].message}; take another copy"
        )
    if verdict.signed is None:
        raise IntegrityError(
            f"{exported.place}: the journal is not restored from here, for no signed head vouches for it; "
            "take a copy that has its signed heads"
        )
    return journal.restore(exported.lines(keys), exported.heads(keys))
