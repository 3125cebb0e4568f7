"""One look at a drop from outside: how much there is, and whether anything is different from before."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Final, NewType

from preservation.manifests.names import likelihood
from preservation.model.paths import RelativePath, shown
from preservation.policy.arriving import CompleteWhen
from preservation.settling.entries import entries_of
from preservation.settling.terms import SettlingTerms

TreeSignature = NewType("TreeSignature", int)
"""Another number where a name, a size, a time or a mode is another, whatever the order of the entries."""

_SIGNATURE_BYTES: Final = 16
_VANISHED: Final = {errno.ENOENT, errno.ENOTDIR, errno.ELOOP}
_FORBIDDEN: Final = {errno.EACCES, errno.EPERM}


@dataclass(frozen=True, slots=True)
class Look:
    """What one look found of the drop ``name``. ``bytes`` are those of all plain files.

    ``newest`` is their latest modification time in nanoseconds since 1970 (UTC), for people: nothing is
    decided by it. ``has_content`` is true where there is more than folders, junk and sentinels.
    ``temporary`` is the first of ``temporaries`` names under which something is still being written.
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
    manifests: int = 0
    metadata: int = 0
    fault: str = ""


def look_at(drop: Path, terms: SettlingTerms) -> Look | None:
    """Look at ``drop``, a folder or a file in an inbox; ``None`` where it is not there any more.

    Opens no file and follows no link. What vanishes meanwhile is passed over.
    """
    tally = _Tally(drop.name, terms)
    try:
        found = drop.lstat()
    except OSError as error:
        return None if error.errno in _VANISHED else tally.look(is_folder=False, fault=said(error))
    is_folder = stat.S_ISDIR(found.st_mode)
    tally.sign("", found)
    fault: OSError | None = None
    if is_folder:
        fault = tally.take_tree(drop)
        if fault is not None and fault.errno in _VANISHED:
            return None
    else:
        tally.take_alone(found)
    beside = _sentinels_beside(drop, terms)
    return tally.look(is_folder=is_folder, beside=beside, fault=said(fault) if fault else "")


class _Tally:
    """What has been counted so far of one drop."""

    def __init__(self, name: str, terms: SettlingTerms) -> None:
        self._name = name
        self._signs = frozenset(terms.signs)
        self._is_temporary = terms.temporary.matches
        self._is_junk = terms.junk.matches
        self._is_manifest = _manifest_test(terms)
        self._is_metadata = _metadata_test(terms)
        self._signature = 0
        self._files = self._bytes = self._newest = 0
        self._has_content = self._announced = False
        self._temporaries = self._manifests = self._metadata = 0
        self._temporary: RelativePath | None = None

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

    def take_tree(self, drop: Path) -> OSError | None:
        """Count all that is below ``drop``; return why not all of it could be counted."""
        for folder, entry in entries_of(drop):
            if isinstance(entry, OSError):
                if self._hinders(folder, entry):
                    return entry
                continue
            try:
                found = entry.stat(follow_symlinks=False)
            except OSError as error:
                if self._hinders(f"{folder}{entry.name}", error):
                    return error
                continue
            self.sign(f"{folder}{entry.name}", found)
            if stat.S_ISREG(found.st_mode):
                self._add(found)
            self._take(folder, entry.name, found.st_mode)
        return None

    def take_alone(self, found: os.stat_result) -> None:
        """Count a drop that is one file, or a link or a device, which intake will refuse."""
        self._has_content = True
        if stat.S_ISREG(found.st_mode):
            self._add(found)

    def sign(self, path: str, found: os.stat_result) -> None:
        """Put an entry into the signature.

        Inode numbers are left out, since some network file systems hand out new ones as they please; the
        time of change tells too when one file took another's place. Of a folder its times count as well:
        something was in it and went, from one look to the next.
        """
        self._put(f"{path}\0{found.st_mode}\0{found.st_size}\0{found.st_mtime_ns}\0{found.st_ctime_ns}")

    def _put(self, text: str) -> None:
        digest = blake2b(text.encode("utf-8", "surrogateescape"), digest_size=_SIGNATURE_BYTES).digest()
        # A sum does not depend on the order in which a file system lists, and needs no sorting.
        self._signature += int.from_bytes(digest)

    def _add(self, found: os.stat_result) -> None:
        self._files += 1
        self._bytes += found.st_size
        self._newest = max(self._newest, found.st_mtime_ns)

    def _hinders(self, path: str, error: OSError) -> bool:
        """Say whether nothing can be said of the drop because of ``error``.

        What vanished is no more; what must not be read below the drop's own folder is told by the survey.
        """
        if path and error.errno in _VANISHED:
            return False
        if path and error.errno in _FORBIDDEN:
            self._put(f"{path}\0{error.errno}")
            self._has_content = True
            return False
        return True

    def _take(self, folder: str, name: str, mode: int) -> None:
        """See what the entry's name says."""
        if self._is_temporary(folder, name) and not self._is_junk(folder, name):
            self._temporaries += 1
            self._temporary = self._temporary or RelativePath(f"{folder}{name}")
        if stat.S_ISDIR(mode):
            return
        if not folder and name in self._signs and stat.S_ISREG(mode):
            self._announced = True
        elif not self._has_content:
            self._has_content = not self._is_junk(folder, name)
        self._manifests += self._is_manifest(folder, name)
        self._metadata += self._is_metadata(folder, name)


def _never(_folder: str, _name: str) -> bool:
    return False


def _manifest_test(terms: SettlingTerms) -> Callable[[str, str], bool]:
    if terms.complete_when is not CompleteWhen.MANIFEST:
        return _never
    return lambda _folder, name: likelihood(RelativePath(name)) is not None


def _metadata_test(terms: SettlingTerms) -> Callable[[str, str], bool]:
    return terms.metadata.matches if terms.complete_when is CompleteWhen.METADATA else _never


def _sentinels_beside(drop: Path, terms: SettlingTerms) -> tuple[Path, ...]:
    candidates = [drop.with_name(f"{drop.name}{ending}") for ending in terms.sentinels_beside]
    return tuple(filter(_is_plain_file, candidates))


def _is_plain_file(path: Path) -> bool:
    try:
        return stat.S_ISREG(path.lstat().st_mode)
    except OSError:
        return False


def said(error: OSError) -> str:
    """Return what the system says is wrong, without any path."""
    return shown(error.strerror or str(error))
