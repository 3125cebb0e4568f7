"""An exported journal: files of lines, of signed heads and of public keys, wherever they lie."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import BinaryIO

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from preservation.errors import IntegrityError, NotFoundError
from preservation.model.paths import StoreKey
from storage.journal.heads import read_head
from storage.journal.keys import PUBLIC_KEY_SUFFIX, key_id, read_public_key
from storage.journal.verification import Broken, JournalVerdict, verify, verify_journal
from storage.ports.journal import Head, Journal, KeyId, SignedHead

FOLDER = StoreKey("_journal")
"""Where every store keeps the journal; no collection's name begins so."""

LINES_NAME = "journal.jsonl"
HEADS_NAME = "heads.jsonl"
HEAD_SUFFIX = ".head.json"

_SEGMENT = re.compile(r"([0-9]{9,})-[0-9]{9,}\.jsonl")

_Opener = Callable[[str], AbstractContextManager[BinaryIO]]


class ExportedJournal:
    """The lines, signed heads and public keys of an exported journal or of its sealed segments.

    ``names`` are the files; ``open_file`` opens one of them; ``place`` is where they lie, for people.
    """

    def __init__(self, place: str, names: Sequence[str], open_file: _Opener) -> None:
        self.place = place
        self._open = open_file
        segments = sorted(
            (int(match[1]), name) for name in names if (match := _SEGMENT.fullmatch(Path(name).name))
        )
        self._lines = [name for name in names if Path(name).name == LINES_NAME] or [
            name for _, name in segments
        ]
        self._heads = [name for name in sorted(names) if name.endswith((HEADS_NAME, HEAD_SUFFIX))]
        self._keys = [name for name in sorted(names) if name.endswith(PUBLIC_KEY_SUFFIX)]
        if not self._lines:
            raise NotFoundError(
                f"{place}: there is no journal; name the folder that muniment journal export wrote"
            )

    def lines(self) -> Iterator[bytes]:
        """Yield every line, in the order of the segments."""
        for name in self._lines:
            with self._open(name) as file:
                yield from file

    def heads(self) -> tuple[SignedHead, ...]:
        """Return every signed head. Raises ``IntegrityError`` where one cannot be read."""
        found = []
        for name in self._heads:
            with self._open(name) as file:
                for line in file:
                    try:
                        found.append(read_head(line))
                    except ValueError as reason:
                        raise IntegrityError(
                            f"{self.place}, {name}: this is not a signed head: {reason}; copy this file "
                            "from another export"
                        ) from reason
        return tuple(sorted(found, key=lambda signed: signed.head.seq))

    def keys(self) -> dict[KeyId, Ed25519PublicKey]:
        """Return the public keys that lie beside it. They prove nothing by themselves: compare their ids."""
        found = {}
        for name in self._keys:
            with self._open(name) as file:
                public = read_public_key(file.read(), f"{self.place}, {name}")
            found[key_id(public)] = public
        return found

    def verify(self, keys: Mapping[KeyId, Ed25519PublicKey]) -> JournalVerdict:
        """Return the verdict by ``keys``. Raises ``IntegrityError`` where a signed head cannot be read."""
        return verify(self.lines(), self.heads(), keys)


def exported_in_folder(path: Path) -> ExportedJournal:
    """Return the journal in ``path``, a file of lines or a whole folder. Raises ``NotFoundError``."""
    if path.is_dir():
        names = [child.name for child in path.iterdir() if child.is_file()]
        return ExportedJournal(str(path), names, lambda name: (path / name).open("rb"))
    if not path.is_file():
        raise NotFoundError(f"{path}: there is no such file or folder; name an exported journal")
    return ExportedJournal(str(path), [LINES_NAME], lambda _: path.open("rb"))


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
    return journal.restore(exported.lines(), exported.heads())
