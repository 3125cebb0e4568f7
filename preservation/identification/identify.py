"""The identifier: asks the engines about files, many at a time, and decides.

It runs the engines in this process. Untrusted files are identified by a ``CagedIdentifier``,
whose caged processes run this one.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from preservation.identification import magic, siegfried
from preservation.identification.deciding import decide, in_doubt
from preservation.identification.opinions import Opinion
from preservation.long_paths import folder_of
from preservation.model.formats import EngineRelease, Identification, MimeType
from preservation.model.paths import is_utf8

if TYPE_CHECKING:
    from preservation.identification.exchange import FileAt

EMPTY_FILE = "empty file"
WITHOUT_NAME = "the name is not UTF-8, or has control characters in it: identified without its extension"

_EMPTY = MimeType("inode/x-empty")
# Siegfried answers in JSON, and does not escape these of the control characters that a name may have.
_UNSAYABLE = re.compile("[\x1a-\x1f]")
_SURELY_SHORT = 1000
"""A path of so many characters is one that the system takes, in whatever script it is written."""


class Identifier:
    """Identifies files by siegfried, and by fido where siegfried is in doubt.

    ``second_opinion`` switches fido off where it is false. ``workers`` is how many files siegfried
    looks at at a time; without it, as many as this process may use processors.
    """

    def __init__(self, *, second_opinion: bool = True, workers: int | None = None) -> None:
        self._second_opinion = second_opinion
        self._workers = workers or len(os.sched_getaffinity(0))

    @property
    def releases(self) -> tuple[EngineRelease, ...]:
        """The engines with their versions and signatures. Raises ``ToolMissingError``."""
        second = (_second_release(),) if self._second_opinion else ()
        return (siegfried.release(), *second, magic.release())

    def identify_batch(self, paths: Sequence[str | os.PathLike[str]]) -> list[Identification]:
        """Say of each of these plain files what it is, in their order.

        A file that an engine cannot read is an identification with a warning. Raises
        ``ToolFailedError`` where siegfried fails as a whole, ``ToolMissingError`` without libmagic,
        and ``OSError`` where a file cannot be opened whose path is not UTF-8, or too long to be passed on.
        """
        texts = [os.fspath(path) for path in paths]
        with ExitStack() as opened:
            sayable = [_sayable(text, opened) for text in texts]
            firsts = siegfried.opinions(sayable, self._workers)
            return [
                self._identification(path, first, is_named=_is_sayable(text))
                for text, path, first in zip(texts, sayable, firsts, strict=True)
            ]

    def identify(self, root: Path, batches: Iterable[Sequence[FileAt]]) -> Iterator[list[Identification]]:
        """Say of each of the plain files below ``root`` what it is, batch by batch, in their order."""
        for batch in batches:
            yield self.identify_batch([f"{root}/{file.path}" for file in batch])

    def _identification(self, path: str, first: Opinion, *, is_named: bool) -> Identification:
        without_name = () if is_named else (WITHOUT_NAME,)
        if first.of_nothing:
            return Identification((), None, _EMPTY, (*without_name, EMPTY_FILE))
        second = _second_opinion(Path(path)) if self._second_opinion and in_doubt(first) else None
        decided = decide(first, second)
        candidates = first.candidates if second is None else first.candidates + second.candidates
        remarks = first.remarks if second is None else first.remarks + second.remarks
        # libmagic costs as much as a third of siegfried: it is asked where PRONOM has no media type.
        mime = next((candidate.mime for candidate in candidates if candidate.match.puid == decided.puid), "")
        return Identification(
            decided.matches,
            decided.puid,
            MimeType(mime) if mime else magic.describe(Path(path)),
            (*without_name, *remarks, *decided.warnings),
        )


def _second_release() -> EngineRelease:
    from preservation.identification import fido  # noqa: PLC0415  a thirtieth of a second, where it is asked

    return fido.release()


def _second_opinion(path: Path) -> Opinion:
    from preservation.identification import fido  # noqa: PLC0415  as above

    return fido.opinion(path)


def _sayable(path: str, opened: ExitStack) -> str:
    """Return a path to the same file that Go and the system accept: UTF-8, and not too long.

    A name that is not UTF-8, or that siegfried cannot answer with, is left out of it.
    """
    if len(path) < _SURELY_SHORT and _is_sayable(path):
        return path
    start = "/" if path.startswith("/") else "."
    dir_fd, reachable = opened.enter_context(folder_of(Path(start), path.lstrip("/")))
    if _is_sayable(reachable):
        return reachable if dir_fd is None else f"/proc/self/fd/{dir_fd}/{reachable}"
    descriptor = os.open(reachable, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=dir_fd)
    opened.callback(os.close, descriptor)
    return f"/proc/self/fd/{descriptor}"


def _is_sayable(path: str) -> bool:
    return is_utf8(path) and not _UNSAYABLE.search(path)
