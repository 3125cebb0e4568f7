"""The receipt of a drop that waits for a person, in ``waiting/``; the drop itself stays among the takes.

It is recorded in the take under which name it lies there, so that it is removed when the drop is answered,
and nothing else ever is.
"""

import shutil
from contextlib import suppress
from pathlib import Path

import msgspec

from flows.inboxes.drop_names import RECEIPTS, names_for
from flows.inboxes.ours import FileMark, mark_of, remove_marked
from flows.inboxes.queue.takes import Take
from flows.inboxes.shelf import Shelf, move
from flows.installation.areas import Area
from flows.installation.log import LOG
from preservation.model.paths import printable
from preservation.records import Records


class WaitingReceipt(msgspec.Struct, frozen=True):
    """A receipt in ``waiting/``: ``name`` without its endings, and the mark of each file by its ending.

    Without marks it is to be removed from there.
    """

    name: str
    marks: dict[str, FileMark]


def show_waiting(take: Take, receipt: Path | None) -> None:
    """Put a copy of the receipt into ``waiting/``, in place of an earlier one.

    Of a drop from a bucket it is put into the bucket by the bucket's service. Raises nothing: the receipt is
    in ``receipts/`` in any case.
    """
    try:
        hide_waiting(take)
        if receipt is None:
            return
        marks: dict[str, FileMark] = {}
        for ending in RECEIPTS:
            with suppress(FileNotFoundError):
                copied = waiting_file(take, ending)
                shutil.copyfile(receipt.with_suffix(Path(ending).suffix), copied)
                marks[ending] = mark_of(copied.parent, copied.name)
        if take.bucket_inbox:
            waiting_record(take).write([WaitingReceipt(take.name, marks)])
        else:
            _put(take, marks)
    except OSError as error:
        where = printable(str(Area(take.area).waiting))
        LOG.warning("%s: its receipt cannot be put into %s (%s)", take.object_id, where, error)


def hide_waiting(take: Take) -> None:
    """Take the receipt out of ``waiting/``; one that was changed there stays. Raises ``OSError``.

    Of a drop from a bucket it is taken out by the bucket's service.
    """
    for shown in waiting_record(take).so_far:
        if take.bucket_inbox:
            waiting_record(take).write([WaitingReceipt(shown.name, {})])
            put_marker(take).unlink(missing_ok=True)
            continue
        remove_marked(_shelf_of(take), shown.name, shown.marks)
        waiting_record(take).path.unlink(missing_ok=True)


def waiting_record(take: Take) -> Records[WaitingReceipt]:
    """Return the record in the take of what lies in ``waiting/``."""
    return Records(take.folder / "waiting.json", WaitingReceipt)


def waiting_file(take: Take, ending: str) -> Path:
    """Return the path in the take of the receipt with that ending."""
    return take.folder / f"waiting{ending}"


def put_marker(take: Take) -> Path:
    """Return the file that says that the bucket has what is recorded."""
    return take.folder / "waiting.done"


def _put(take: Take, marks: dict[str, FileMark]) -> None:
    shelf = _shelf_of(take)
    shelf.make()
    for name in names_for(take.name):
        if any(shelf.has(f"{name}{ending}") for ending in marks):
            # The receipt of another drop of that name.
            continue
        # Recorded first, so that after a kill it is known what is ours.
        waiting_record(take).write([WaitingReceipt(name, marks)])
        try:
            for ending in marks:
                move(Shelf(take.folder), waiting_file(take, ending).name, shelf, f"{name}{ending}")
        except FileExistsError:
            continue
        return


def _shelf_of(take: Take) -> Shelf:
    return Shelf(Area(take.area).waiting, (take.collection, *take.groups))
