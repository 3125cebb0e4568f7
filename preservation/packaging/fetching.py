"""``fetch.txt`` of a package (RFC 8493 section 2.2.3): what lies in earlier versions of the same object."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from preservation.bagit.fetch import FETCH_TXT, FetchEntry, fetch_line, parse_fetch
from preservation.bagit.manifests import decode_path
from preservation.errors import IntegrityError
from preservation.model.digests import Algorithm
from preservation.model.locators import parse_locator
from preservation.model.packages import BagEntry, EarlierFile
from preservation.model.paths import BagPath, bag_path
from preservation.packaging.tag_files import TagFile

if TYPE_CHECKING:
    from preservation.packaging.contents import PackageContents
    from preservation.packaging.payload import PayloadTally


class FetchList:
    """The file ``fetch.txt``, written below ``root`` while the payload goes by; none if it names nothing."""

    def __init__(self, contents: PackageContents, root: Path, tally: PayloadTally) -> None:
        self._contents = contents
        self._root = root
        self._tally = tally
        self._entry: BagEntry | None = None

    def new_among(self, payload: Iterable[BagEntry]) -> Iterator[BagEntry]:
        """Pass on what no earlier version holds, counting and listing the rest."""
        with ExitStack() as open_file:
            sink: TagFile | None = None
            for entry in payload:
                locator = self._contents.earlier.get(entry.digests[Algorithm.SHA256])
                if locator is None:
                    yield entry
                    continue
                if sink is None:
                    sink = open_file.enter_context(
                        TagFile(self._root, BagPath(FETCH_TXT), self._contents.algorithms)
                    )
                sink.write(fetch_line(locator.url, entry.size, entry.path))
                self._tally.fetched[locator.package.version] += 1
                self._tally.fetched_bytes += entry.size
        self._entry = None if sink is None else sink.entry

    def written(self) -> Iterator[BagEntry]:
        """Return the file itself, if there is one, once ``new_among`` has ended."""
        if self._entry is not None:
            yield self._entry


def listed_earlier(folder: Path) -> Iterator[EarlierFile]:
    """Read what the ``fetch.txt`` in ``folder`` names, line by line.

    Raises ``IntegrityError`` where a line is not one of ours.
    """
    path = folder / FETCH_TXT
    with path.open(encoding="utf-8", newline="\n") as lines:
        for line in parse_fetch(text.rstrip("\n") for text in lines):
            locator = parse_locator(line.url) if isinstance(line, FetchEntry) else None
            if not isinstance(line, FetchEntry) or locator is None or line.length is None:
                raise IntegrityError(
                    f"{path}, line {line.number}: not written by Muniment; remove the submission's folder "
                    "in processing/ and preserve the drop again"
                )
            yield EarlierFile(bag_path(decode_path(line.path)), locator, line.length)
