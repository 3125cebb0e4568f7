"""Notices: a page in ``rejected/`` about each entry of an inbox that is not taken because of its name."""

import hashlib
import os
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

import msgspec

from flows.inboxes.ours import FileMark, mark_of, remove_marked
from flows.inboxes.shelf import Shelf, is_name, move
from flows.installation.areas import Area
from flows.installation.log import LOG
from flows.installation.settings import Settings
from preservation.files.durable import written_whole
from preservation.model.paths import is_utf8, printable
from preservation.receipt.rendering import notice_page
from preservation.settling.drops import PassedOver, PassedOverFor
from preservation.tools.wire import packed, unpacked

_ENDING: Final = ".receipt.html"
_MOST: Final = 1_000
"""So many entries have a notice at a time; there may be any number of them, and status names them too."""
_SHOWN_BYTES: Final = 120
_LONGEST: Final = 255
"""Bytes of a name on the file systems that there are."""


class Notice(msgspec.Struct, frozen=True):
    """A notice that lies in ``rejected/``: in which area and folders, and its own name, each ``packed``.

    ``mark`` is by what it is known again: in its place may lie something else by now.
    """

    area: str
    below: tuple[str, ...]
    name: str
    mark: FileMark


class Notices:
    """Puts a notice once where an entry is passed over for its name, and takes it away with the entry.

    What was put is remembered in a file of the installation: a restart neither repeats nor forgets it.
    """

    def __init__(self, settings: Settings) -> None:
        self._areas = settings.areas
        self._file = settings.state / "notices.json"
        self._put = _read(self._file)
        self._settled: tuple[PassedOver, ...] = ()

    def update(self, passed_over: Iterable[object]) -> None:
        """Put the notices that are missing, and take away ours whose entries are gone."""
        unnameable = tuple(
            one
            for one in passed_over
            if isinstance(one, PassedOver) and one.reason is PassedOverFor.UNNAMEABLE
        )
        if unnameable == self._settled and (unnameable or not self._put):
            return
        wanted = {_key(one.path): one for one in unnameable}
        before = dict(self._put)
        for key in before.keys() - wanted.keys():
            self._take_away(key)
        for key, one in wanted.items():
            if key not in self._put and len(self._put) < _MOST:
                self._add(key, one)
        if self._put != before:
            self._remember()
        if self._put.keys() <= wanted.keys() and (
            wanted.keys() <= self._put.keys() or len(self._put) == _MOST
        ):
            self._settled = unnameable

    def _add(self, key: str, entry: PassedOver) -> None:
        area = next((area for area in self._areas if area.inbox in entry.path.parents), None)
        if area is None:
            return
        below = entry.path.parent.relative_to(area.inbox).parts
        shelf = Shelf(area.rejected, below)
        name = printable(entry.path.name)
        # Written where only the service can: users can write to a shelf.
        ours = area.taken / f".notice-{os.getpid()}"
        try:
            shelf.make()
            ours.parent.mkdir(parents=True, exist_ok=True)
            with written_whole(ours) as sink:
                sink.write(notice_page(name, printable("/".join(below)), entry.sentence))
            mark = mark_of(ours.parent, ours.name)
            target = next(one for one in _names_for(entry.path.name) if not shelf.has(one))
            move(Shelf(ours.parent), ours.name, shelf, target)
        except (OSError, StopIteration) as error:
            LOG.warning("%s: no notice about it can be put into rejected/: %s", name, error)
            return
        self._put[key] = Notice(packed(str(area.root)), tuple(map(packed, below)), packed(target), mark)

    def _take_away(self, key: str) -> None:
        notice = self._put[key]
        area = Area(Path(unpacked(notice.area)))
        name = unpacked(notice.name)
        try:
            remove_marked(Shelf(area.rejected, tuple(map(unpacked, notice.below))), name, {"": notice.mark})
        except OSError as error:
            LOG.warning("%s: the notice cannot be removed: %s", printable(name), error.strerror)
            return
        del self._put[key]

    def _remember(self) -> None:
        try:
            with written_whole(self._file) as sink:
                sink.write(msgspec.json.encode(self._put))
        except OSError as error:
            LOG.warning("%s cannot be written: %s", self._file, error.strerror)


def _key(path: Path) -> str:
    """Return a name for the entry that JSON can hold, whatever its bytes."""
    return hashlib.sha256(os.fsencode(path)).hexdigest()


def _names_for(name: str) -> Iterator[str]:
    """Yield names for the notice: the entry's own where that can be one, then a part of it with a digest."""
    is_plain = is_utf8(name) and printable(name) == name and is_name(name)
    if is_plain and len(name.encode()) + len(_ENDING) <= _LONGEST:
        yield f"{name}{_ENDING}"
    shown = printable(name).encode()[:_SHOWN_BYTES].decode(errors="ignore").replace("/", "_")
    yield f"{shown}-{hashlib.sha256(os.fsencode(name)).hexdigest()[:8]}{_ENDING}"


def _read(file: Path) -> dict[str, Notice]:
    with suppress(FileNotFoundError, msgspec.MsgspecError):
        return msgspec.json.decode(file.read_bytes(), type=dict[str, Notice])
    return {}
