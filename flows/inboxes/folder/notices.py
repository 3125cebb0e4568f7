"""Notices in the folders of an area: see ``flows.inboxes.notices``."""

import hashlib
import os
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec

from flows.inboxes.notices import Notices, names_of_notice
from flows.inboxes.ours import FileMark, mark_of, remove_marked
from flows.inboxes.shelf import Shelf, move
from flows.installation.areas import Area
from flows.installation.log import LOG
from flows.installation.settings import Settings
from preservation.files.durable import written_whole
from preservation.model.paths import printable
from preservation.receipt.rendering import notice_page
from preservation.settling.drops import PassedOver
from preservation.tools.wire import packed, unpacked

_WRITTEN: Final = ".notice-"
_NOT_PUT: Final = "%s: no notice about it can be put into rejected/: %s"


class Notice(msgspec.Struct, frozen=True):
    """A notice that lies in ``rejected/``: in which area and folders, and its own name, each ``packed``."""

    area: str
    below: tuple[str, ...]
    name: str
    mark: FileMark

    @property
    def shelf(self) -> Shelf:
        """Where it lies."""
        return Shelf(Area(Path(unpacked(self.area))).rejected, tuple(map(unpacked, self.below)))

    @property
    def written(self) -> Path:
        """Where it lies until then."""
        return Area(Path(unpacked(self.area))).taken / _name_of_written(self.shelf, unpacked(self.name))


def folder_notices(settings: Settings) -> Notices[Notice]:
    """Return the notices about what lies in the inboxes of the areas."""
    board = _Board(settings.areas)
    decoder = msgspec.json.Decoder(dict[str, Notice])
    file = settings.state / "notices.json"
    return Notices(file, decoder, board.put, board.take_away, board.place, board.recover)


@dataclass(frozen=True, slots=True)
class _Board:
    """The folders ``rejected/`` of the areas."""

    areas: tuple[Area, ...]

    def put(self, entry: PassedOver) -> Notice | None:
        """Write a page about the entry where only the service can; ``None`` where that failed.

        Users can write to a shelf.
        """
        area = next((area for area in self.areas if area.inbox in entry.path.parents), None)
        if area is None:
            return None
        below = entry.path.parent.relative_to(area.inbox).parts
        shelf = Shelf(area.rejected, below)
        name = printable(entry.path.name)
        try:
            shelf.make()
            target = next(one for one in names_of_notice(entry.path.name) if not shelf.has(one))
            ours = area.taken / _name_of_written(shelf, target)
            ours.parent.mkdir(parents=True, exist_ok=True)
            with written_whole(ours) as sink:
                sink.write(notice_page(name, printable("/".join(below)), entry.sentence))
            mark = mark_of(ours.parent, ours.name)
        except (OSError, StopIteration) as error:
            LOG.warning(_NOT_PUT, name, error)
            return None
        return Notice(packed(str(area.root)), tuple(map(packed, below)), packed(target), mark)

    def place(self, notice: Notice) -> bool:
        """Put a notice that was written into ``rejected/``; return whether that is done."""
        try:
            move(Shelf(notice.written.parent), notice.written.name, notice.shelf, unpacked(notice.name))
        except OSError as error:
            LOG.warning(_NOT_PUT, printable(unpacked(notice.name)), error)
            return False
        return True

    def recover(self, remembered: Iterable[Notice]) -> Iterator[Notice]:
        """Yield those that were written and not placed when a service was killed; remove what was written."""
        yield from [notice for notice in remembered if notice.written.exists()]
        for area in self.areas:
            with suppress(OSError):
                for left in area.taken.glob(f"{_WRITTEN}*"):
                    left.unlink(missing_ok=True)

    def take_away(self, notice: Notice) -> bool:
        """Remove the page where it is as it was put; return whether that is done."""
        name = unpacked(notice.name)
        try:
            remove_marked(notice.shelf, name, {"": notice.mark})
        except OSError as error:
            LOG.warning("%s: the notice cannot be removed: %s", printable(name), error.strerror)
            return False
        return True


def _name_of_written(shelf: Shelf, name: str) -> str:
    """Return how the notice is called until it is placed on the shelf under that name."""
    return f"{_WRITTEN}{hashlib.sha256(os.fsencode(shelf.path / name)).hexdigest()}"
