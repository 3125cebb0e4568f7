"""Notices in the folders of an area: see ``flows.inboxes.notices``."""

import os
from dataclasses import dataclass
from pathlib import Path

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


class Notice(msgspec.Struct, frozen=True):
    """A notice that lies in ``rejected/``: in which area and folders, and its own name, each ``packed``."""

    area: str
    below: tuple[str, ...]
    name: str
    mark: FileMark


def folder_notices(settings: Settings) -> Notices[Notice]:
    """Return the notices about what lies in the inboxes of the areas."""
    board = _Board(settings.areas)
    decoder = msgspec.json.Decoder(dict[str, Notice])
    return Notices(settings.state / "notices.json", decoder, board.put, board.take_away)


@dataclass(frozen=True, slots=True)
class _Board:
    """The folders ``rejected/`` of the areas."""

    areas: tuple[Area, ...]

    def put(self, entry: PassedOver) -> Notice | None:
        """Put a page about the entry; ``None`` where that failed."""
        area = next((area for area in self.areas if area.inbox in entry.path.parents), None)
        if area is None:
            return None
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
            target = next(one for one in names_of_notice(entry.path.name) if not shelf.has(one))
            move(Shelf(ours.parent), ours.name, shelf, target)
        except (OSError, StopIteration) as error:
            LOG.warning("%s: no notice about it can be put into rejected/: %s", name, error)
            return None
        return Notice(packed(str(area.root)), tuple(map(packed, below)), packed(target), mark)

    def take_away(self, notice: Notice) -> bool:
        """Remove the page where it is as it was put; return whether that is done."""
        area = Area(Path(unpacked(notice.area)))
        name = unpacked(notice.name)
        try:
            remove_marked(Shelf(area.rejected, tuple(map(unpacked, notice.below))), name, {"": notice.mark})
        except OSError as error:
            LOG.warning("%s: the notice cannot be removed: %s", printable(name), error.strerror)
            return False
        return True
