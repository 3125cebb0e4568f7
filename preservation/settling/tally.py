"""Counting what lies in a drop, entry by entry: what one look at it finds, wherever it lies."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from dataclasses import InitVar, dataclass, field
from datetime import datetime
from functools import lru_cache
from hashlib import blake2b
from pathlib import Path
from typing import Final, NewType, TypeAlias

from preservation.manifests.names import likelihood
from preservation.model.paths import RelativePath
from preservation.policy.intake import CompleteWhen
from preservation.settling.terms import SettlingTerms

TreeSignature = NewType("TreeSignature", int)
"""Another number where a name, a size, a time or a mode is another, whatever the order of the entries."""

_SIGNATURE_BYTES: Final = 16
_NANOSECONDS: Final = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Look:
    """What one look found of the drop ``name``. ``bytes`` are those of all plain files.

    ``newest`` is their latest modification time in nanoseconds since 1970 (UTC), for people: nothing is
    decided by it. ``has_content`` is true where there is more than folders, junk and sentinels.
    ``temporary`` is the first of ``temporaries`` names under which something is still being written.
    ``sidecars_beside`` are the manifests of a drop of one file that lie beside it.
    ``announced`` says that there is a sentinel, in it or beside it. Sentinels, ``manifests`` and
    ``metadata`` are looked for only where the policy asks for them. ``fault`` says why the look was not a
    whole one: the figures are not to be relied on then.
    """

    name: str
    signature: TreeSignature
    is_folder: bool
    files: int = 0
    bytes: int = 0
    newest: int = 0
    has_content: bool = False
    temporaries: int = 0
    temporary: RelativePath | None = None
    announced: bool = False
    sentinels_beside: tuple[Path, ...] = ()
    sidecars_beside: tuple[Path, ...] = ()
    manifests: int = 0
    metadata: int = 0
    fault: str = ""


@dataclass(slots=True, eq=False)
class Tally:
    """What has been counted so far of one drop, in slots: of a bucket's very many drops there is one each."""

    _name: str
    terms: InitVar[SettlingTerms]
    _tests: _Tests = field(init=False)
    _signature: int = 0
    _files: int = 0
    _bytes: int = 0
    _newest: int = 0
    _has_content: bool = False
    _announced: bool = False
    _temporaries: int = 0
    _manifests: int = 0
    _metadata: int = 0
    _temporary: RelativePath | None = None
    _folder: str = ""

    def __post_init__(self, terms: SettlingTerms) -> None:
        self._tests = _tests_of(terms)

    def look(self, *, is_folder: bool, beside: tuple[Path, ...] = (), fault: str = "") -> Look:
        """Return what was counted."""
        return Look(
            name=self._name,
            signature=TreeSignature(self._signature & ((1 << (8 * _SIGNATURE_BYTES)) - 1)),
            is_folder=is_folder,
            files=self._files,
            bytes=self._bytes,
            newest=self._newest,
            has_content=self._has_content,
            temporaries=self._temporaries,
            temporary=self._temporary,
            announced=self._announced or bool(beside),
            sentinels_beside=beside,
            manifests=self._manifests,
            metadata=self._metadata,
            fault=fault,
        )

    def take(self, folder: str, name: str, found: os.stat_result) -> None:
        """Count the entry ``name`` of ``folder``, a path in the drop with its closing ``/``."""
        self.sign(f"{folder}{name}", found)
        if stat.S_ISREG(found.st_mode):
            self._add(found.st_size, found.st_mtime_ns)
        self._note_name(folder, name, found.st_mode)

    def take_unreadable(self, path: str, error: OSError) -> None:
        """Count an entry of which nothing more is to be known."""
        self._put(f"{path}\0{error.errno}")
        self._has_content = True

    def take_object(self, path: str, size: int, version: str, modified: datetime) -> None:
        """Count an object of a bucket. ``version`` is another where its bytes are; ``""`` is the drop itself.

        A ``path`` that ends with ``/`` stands for a folder. The folders on the way to an object are no
        entries of their own: their names count where the first object in them comes.
        """
        # To the second, for not every answer of a service is more exact.
        self._put(f"{path}\0{size}\0{version}\0{int(modified.timestamp())}")
        folder, separator, name = path.rpartition("/")
        self._enter(f"{folder}{separator}")
        if path and not name:
            return
        self._add(size, int(modified.timestamp()) * _NANOSECONDS)
        if path:
            self._note_name(f"{folder}{separator}", name, stat.S_IFREG)
        else:
            self._has_content = True

    def take_beside(self, name: str, other: Tally) -> None:
        """Count an object beside the drop that is fetched with it, as ``other`` counted it."""
        self._put(f"/{name}\0{other._signature}")
        self._files += other._files
        self._bytes += other._bytes
        self._newest = max(self._newest, other._newest)

    def take_alone(self, found: os.stat_result) -> None:
        """Count a drop that is one file, or a link or a device, which intake will refuse."""
        self._has_content = True
        if stat.S_ISREG(found.st_mode):
            self._add(found.st_size, found.st_mtime_ns)

    def sign(self, path: str, found: os.stat_result) -> None:
        """Put an entry into the signature.

        Inode numbers are left out, since some network file systems hand out new ones as they please; the
        time of change also shows when one file took another's place. Of a folder its times count as well:
        something was in it and went, from one look to the next.
        """
        self._put(f"{path}\0{found.st_mode}\0{found.st_size}\0{found.st_mtime_ns}\0{found.st_ctime_ns}")

    def _put(self, text: str) -> None:
        digest = blake2b(text.encode("utf-8", "surrogateescape"), digest_size=_SIGNATURE_BYTES).digest()
        # A sum does not depend on the order in which a file system lists, and needs no sorting.
        self._signature += int.from_bytes(digest)

    def _add(self, size: int, modified: int) -> None:
        self._files += 1
        self._bytes += size
        self._newest = max(self._newest, modified)

    def _enter(self, folder: str) -> None:
        """Count the names of the folders in which the object before was not."""
        if folder == self._folder:
            return
        above = ""
        for name in folder.split("/")[:-1]:
            if not self._folder.startswith(f"{above}{name}/"):
                self._note_name(above, name, stat.S_IFDIR)
            above = f"{above}{name}/"
        self._folder = folder

    def _note_name(self, folder: str, name: str, mode: int) -> None:
        tests = self._tests
        if tests.is_temporary(folder, name) and not tests.is_junk(folder, name):
            self._temporaries += 1
            self._temporary = self._temporary or RelativePath(f"{folder}{name}")
        if stat.S_ISDIR(mode):
            return
        if not folder and name in tests.signs and stat.S_ISREG(mode):
            self._announced = True
        elif not self._has_content:
            self._has_content = not tests.is_junk(folder, name)
        self._manifests += tests.is_manifest(folder, name)
        self._metadata += tests.is_metadata(folder, name)


_Test: TypeAlias = Callable[[str, str], bool]


@dataclass(frozen=True, slots=True)
class _Tests:
    """What names are held against: the folder with its closing ``/``, and the name in it."""

    signs: frozenset[str]
    is_temporary: _Test
    is_junk: _Test
    is_manifest: _Test
    is_metadata: _Test


@lru_cache(maxsize=64)
def _tests_of(terms: SettlingTerms) -> _Tests:
    return _Tests(
        frozenset(terms.signs),
        terms.temporary.matches,
        terms.junk.matches,
        _may_be_manifest if terms.complete_when is CompleteWhen.MANIFEST else _never,
        terms.metadata.matches if terms.complete_when is CompleteWhen.METADATA else _never,
    )


def _never(_folder: str, _name: str) -> bool:
    return False


def _may_be_manifest(_folder: str, name: str) -> bool:
    return likelihood(RelativePath(name)) is not None
