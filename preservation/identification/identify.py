"""The identifier: asks the engines about files, many at a time, and decides."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from preservation.identification import fido, magic, siegfried
from preservation.identification.deciding import decide, in_doubt
from preservation.identification.opinions import Opinion
from preservation.model.formats import EngineRelease, Identification, MimeType
from preservation.model.paths import is_utf8

EMPTY_FILE = "empty file"
WITHOUT_NAME = "the name is not UTF-8: identified without its extension"

_EMPTY = MimeType("inode/x-empty")


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
        second = (fido.release(),) if self._second_opinion else ()
        return (siegfried.release(), *second, magic.release())

    def identify_batch(self, paths: Sequence[Path]) -> list[Identification]:
        """Say of each of these plain files what it is, in their order.

        A file that an engine cannot read is an identification with a warning. Raises
        ``ToolFailedError`` where siegfried fails as a whole, ``ToolMissingError`` without libmagic,
        and ``OSError`` where a file cannot be opened whose path is not UTF-8.
        """
        with ExitStack() as opened:
            sayable = [_sayable(path, opened) for path in paths]
            firsts = siegfried.opinions(sayable, self._workers)
            return [
                self._identification(path, text, first)
                for path, text, first in zip(paths, sayable, firsts, strict=True)
            ]

    def _identification(self, path: Path, sayable: str, first: Opinion) -> Identification:
        without_name = () if sayable == str(path) else (WITHOUT_NAME,)
        if first.of_nothing:
            return Identification((), None, _EMPTY, (*without_name, EMPTY_FILE))
        second = fido.opinion(path) if self._second_opinion and in_doubt(first) else None
        decided = decide(first, second)
        claims = first.claims if second is None else first.claims + second.claims
        remarks = first.remarks if second is None else first.remarks + second.remarks
        # libmagic costs as much as a third of siegfried: it is asked where PRONOM has no media type.
        mime = next((claim.mime for claim in claims if claim.match.puid == decided.puid), "")
        return Identification(
            decided.matches,
            decided.puid,
            MimeType(mime) if mime else magic.describe(path),
            (*without_name, *remarks, *decided.warnings),
        )


def _sayable(path: Path, opened: ExitStack) -> str:
    """Return a path to the same file that Go can be told: its text is UTF-8 and nothing else."""
    if is_utf8(str(path)):
        return str(path)
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    opened.callback(os.close, descriptor)
    return f"/proc/self/fd/{descriptor}"
