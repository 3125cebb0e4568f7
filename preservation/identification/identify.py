"""The identifier: asks the engines about files, one by one, and decides.

It runs the engines in this process. Untrusted files are identified by a ``CagedIdentifier``,
whose caged processes run this one.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from preservation.identification import magic, siegfried
from preservation.identification.deciding import (
    against_content,
    decide,
    in_doubt,
    rests_on_name,
    with_look,
)
from preservation.identification.links import is_sayable, named_links, shown
from preservation.identification.opinions import Opinion
from preservation.model.formats import EngineRelease, Identification, MimeType

if TYPE_CHECKING:
    from preservation.identification.exchange import FileAt

EMPTY_FILE = "empty file"
WITHOUT_NAME = "the name is not UTF-8, or has control characters in it: identified without its extension"

_EMPTY = MimeType("inode/x-empty")


class Identifier:
    """Identifies files by siegfried, and by fido where siegfried is in doubt.

    ``second_opinion`` switches fido off where it is false.
    """

    def __init__(self, *, second_opinion: bool = True) -> None:
        self._second_opinion = second_opinion

    @property
    def releases(self) -> tuple[EngineRelease, ...]:
        """The engines with their versions and signatures. Raises ``ToolMissingError``."""
        second = (_second_release(),) if self._second_opinion else ()
        return (siegfried.release(), *second, magic.release())

    def identify_batch(self, paths: Sequence[str | os.PathLike[str]]) -> list[Identification]:
        """Say of each of these plain files what it is, in their order; no link is followed.

        A file that cannot be opened, or that an engine cannot read, is an identification with a warning.
        Raises ``ToolFailedError`` where siegfried fails as a whole, ``ToolMissingError`` without libmagic.
        """
        texts = [os.path.abspath(path) for path in paths]  # noqa: PTH100  a name need not be UTF-8
        slot = os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)
        try:
            with named_links(slot) as links:
                return self.identify_shown([(text, links.to(text)) for text in texts], slot)
        finally:
            os.close(slot)

    def identify(self, root: Path, batches: Iterable[Sequence[FileAt]]) -> Iterator[list[Identification]]:
        """Say of each of the plain files below ``root`` what it is, batch by batch, in their order."""
        for batch in batches:
            yield self.identify_batch([f"{root}/{file.path}" for file in batch])

    def identify_shown(self, files: Iterable[tuple[str, str]], slot: int) -> list[Identification]:
        """Say of each of these files what it is: its path, and its link to ``slot`` (``NamedLinks``).

        Raises like ``identify_batch``.
        """
        return [self._identified(path, link, slot) for path, link in files]

    def _identified(self, path: str, link: str, slot: int) -> Identification:
        with ExitStack() as opened:
            try:
                opened.enter_context(shown(path, slot))
            except OSError as error:
                reason = f"it cannot be opened: {error.strerror}"
                return Identification((), None, magic.UNDESCRIBED, (reason,))
            return self._identification(path, link, Path(f"/proc/self/fd/{slot}"))

    def _identification(self, path: str, link: str, opened: Path) -> Identification:
        (first,) = siegfried.opinions([link])
        without_name = () if is_sayable(path.rpartition("/")[2]) else (WITHOUT_NAME,)
        if first.of_nothing:
            return Identification((), None, _EMPTY, (*without_name, EMPTY_FILE))
        second = _second_opinion(opened) if self._second_opinion and in_doubt(first) else None
        decided = decide(first, second)
        if rests_on_name(first, second):
            decided = against_content(decided, first, magic.describe(opened))
        elif decided.puid is None and not decided.matches and first.remarks:
            # Siegfried remarks on what the name may mean; what the bytes are says more.
            decided = with_look(decided, magic.describe(opened))
        candidates = first.candidates if second is None else first.candidates + second.candidates
        remarks = first.remarks if second is None else first.remarks + second.remarks
        # libmagic costs as much as a third of siegfried: it is asked where PRONOM has no media type.
        mime = next((candidate.mime for candidate in candidates if candidate.match.puid == decided.puid), "")
        return Identification(
            decided.matches,
            decided.puid,
            MimeType(mime) if mime else magic.describe(opened),
            (*without_name, *remarks, *decided.warnings),
        )


def _second_release() -> EngineRelease:
    from preservation.identification import fido  # noqa: PLC0415  a thirtieth of a second, where it is asked

    return fido.release()


def _second_opinion(path: Path) -> Opinion:
    from preservation.identification import fido  # noqa: PLC0415  as above

    return fido.opinion(path)
