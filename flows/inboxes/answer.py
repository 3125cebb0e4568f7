"""The answer in the folder: moves a drop to ``accepted/`` or ``rejected/`` and puts its receipt beside it.

The answer is recorded durably in the take before any step of it is done, so that another process can finish
after a kill, and no step is done twice.
"""

import shutil
from datetime import datetime
from pathlib import Path
from typing import Final

import msgspec

from flows.inboxes.drop_names import KEPT, RECEIPTS, REJECT_LIST, names_for
from flows.inboxes.folder.take import return_sentinels
from flows.inboxes.queue.answers import Answer, AnswerPlace, answer_record, has_readable_answer, read_answer
from flows.inboxes.queue.attempts import excuse_run, record_end
from flows.inboxes.queue.locks import locked_take
from flows.inboxes.queue.takes import Take, TakeId, remove_take
from flows.inboxes.rejections import forget_rejections, record_rejection
from flows.inboxes.shelf import Shelf, move, put
from flows.inboxes.waiting_receipt import hide_waiting, show_waiting
from flows.installation.areas import Area
from flows.installation.log import LOG
from flows.submission.answer import SubmissionResult
from flows.submission.drop import tree_of
from flows.submission.workspace import busy_sentence
from preservation.errors import UnavailableError
from preservation.model.digests import HexDigest
from preservation.model.identifiers import CollectionName, ObjectName, PackageId
from preservation.model.paths import printable
from preservation.model.verdicts import Verdict
from preservation.records import Records

_CHANGED: Final = (
    "The drop was changed after it was taken, so what lies here may be more or other than what the package "
    "has: compare them, and drop it anew where it is."
)


class Kept(msgspec.Struct, frozen=True):
    """The record beside a drop in ``accepted/``: which package has its content, and what was dropped.

    ``tree`` is the signature of the drop as it was kept, empty where it was changed after it was taken.
    ``sentinels`` are the names of the sentinels beside it.
    """

    take: TakeId
    package: PackageId
    verdict: Verdict
    sentence: str
    at: datetime
    collection: CollectionName
    object_name: ObjectName
    name: str
    files: int
    bytes: int
    tree: HexDigest
    sentinels: tuple[str, ...] = ()


def place(result: SubmissionResult, take: Take) -> Path | None:
    """Move the drop of ``take`` to where its verdict belongs; called again after a kill, finish that.

    An interrupted or waiting drop stays, and its end is recorded for the dispatcher. Returns where the drop
    is now; ``None`` where it was removed from outside. Raises ``StorageError`` where the area cannot be
    written to; the take then stays as it is.
    """
    verdict = result.ending.verdict
    try:
        if verdict in {Verdict.INTERRUPTED, Verdict.WAITING}:
            # Before the end is recorded: after a kill another run does both.
            with locked_take(take) as there:
                if there:
                    show_waiting(take, result.receipt if verdict is Verdict.WAITING else None)
            if result.ending.sentence == busy_sentence(take.object_id):
                # The other run records how the take ends.
                excuse_run(take)
            else:
                record_end(take, verdict, result.ending.sentence, result.ending.at)
            return take.path
        with locked_take(take) as there:
            if not there:
                # Another process has finished it.
                return None
            if not has_readable_answer(take):
                if result.receipt is not None:
                    _copy_receipts(result.receipt, take)
                answer_record(take).write([_answer(result, take)])
            if take.bucket_inbox:
                # The bucket's service answers in the bucket first.
                return take.path
            return finish(take)
    except OSError as error:
        reason = error.strerror or error
        raise UnavailableError(
            f"{printable(str(take.path))} could not be moved to {_place_of(result)}/ ({reason}); "
            "check that the area is there and can be written to; it is then moved by itself"
        ) from error


def finish_answered(take: Take) -> bool:
    """Finish a take whose answer was recorded; return whether it had been answered.

    A take that another process is placing now is left to it. Raises ``OSError`` or ``StorageError``.
    """
    if not answer_record(take).exist:
        return False
    with locked_take(take, wait=False) as there:
        if there and answer_record(take).exist:
            finish(take)
    return True


def _place_of(result: SubmissionResult) -> AnswerPlace:
    if result.ending.verdict is not Verdict.REJECTED:
        return AnswerPlace.ACCEPTED
    return AnswerPlace.QUARANTINE if result.is_infected else AnswerPlace.REJECTED


def _answer(result: SubmissionResult, take: Take) -> Answer:
    ending = result.ending
    unchanged = take.has_drop and tree_of(take.path) == take.tree
    sentence = ending.sentence
    if take.has_drop and not unchanged and ending.package is not None:
        sentence = f"{sentence} {_CHANGED}"
        LOG.warning("%s: %s", take.object_id, _CHANGED)
    return Answer(
        _place_of(result),
        ending.verdict,
        sentence,
        ending.at,
        take.name,
        ending.package,
        take.tree if unchanged else HexDigest(""),
    )


def finish(take: Take) -> Path | None:
    """Do what the answer says, as far as it is not done. The caller must hold the take's lock."""
    answer = read_answer(take)
    below = (take.collection, *take.groups)
    shelf = Shelf(take.area / answer.place, below)
    # Only the service can read quarantine/, and the depositor must find the receipt.
    receipt_shelf = (
        Shelf(Area(take.area).rejected, below) if answer.place is AnswerPlace.QUARANTINE else shelf
    )
    shelf.make()
    receipt_shelf.make()
    name = _move_drop(take, answer, shelf, receipt_shelf)
    if name is not None:
        _put_beside(take, answer, receipt_shelf, name)
        if answer.place is AnswerPlace.REJECTED:
            record_rejection(take, shelf, name)
        elif answer.place is AnswerPlace.ACCEPTED:
            forget_rejections(take)
    else:
        return_sentinels(take)
    hide_waiting(take)
    if not remove_take(take.folder):
        LOG.warning("%s: could not be removed yet; nothing is lost", take.folder)
    return None if name is None else shelf.path / name


def _move_drop(take: Take, answer: Answer, shelf: Shelf, receipt_shelf: Shelf) -> str | None:
    """Move the drop to a free name and return the name; ``None`` where the drop was removed from outside."""
    name = answer.name
    names = names_for(take.name)
    while take.has_drop:
        name = next(name for name in names if _is_free(name, take, shelf, receipt_shelf))
        if name != answer.name:
            # Recorded before the move, so that after a kill it is known where the drop went.
            answer = msgspec.structs.replace(answer, name=name)
            answer_record(take).write([answer])
        try:
            move(take.shelf, take.name, shelf, name)
        except FileExistsError:
            continue
    return name if shelf.has(name) else None


def _is_free(name: str, take: Take, shelf: Shelf, receipt_shelf: Shelf) -> bool:
    """Return whether a drop can have that name. An earlier receipt may be replaced, a drop never."""
    if shelf.has(name) or receipt_shelf.has(name):
        return False
    if any(receipt_shelf.has(_renamed(sentinel, name, take)) for sentinel in take.sentinels):
        return False
    return not any(_is_a_drop(receipt_shelf, f"{name}{ending}") for ending in (*RECEIPTS, KEPT))


def _is_a_drop(receipt_shelf: Shelf, name: str) -> bool:
    """Return whether the entry with a receipt's name is something else: a folder, or an answered drop."""
    if not receipt_shelf.has(name):
        return False
    return not (receipt_shelf.path / name).is_file() or any(
        receipt_shelf.has(f"{name}{ending}") for ending in RECEIPTS
    )


def _put_beside(take: Take, answer: Answer, shelf: Shelf, name: str) -> None:
    """Put the receipt, the sentinels and the record of the package beside the drop."""
    for ending in RECEIPTS:
        if receipt_in_take(take, ending).exists():
            put(receipt_in_take(take, ending), shelf, f"{name}{ending}")
    if answer.place is AnswerPlace.ACCEPTED and answer.package is not None:
        kept = Kept(
            take.id,
            answer.package,
            answer.verdict,
            answer.sentence,
            answer.at,
            take.collection,
            take.object_name,
            name,
            take.files,
            take.bytes,
            _tree_under(shelf.path / name, take, answer),
            tuple(_renamed(sentinel, name, take) for sentinel in take.sentinels),
        )
        record = Records(take.folder / "kept.json", Kept)
        record.write([kept])
        put(record.path, shelf, f"{name}{KEPT}")
    for sentinel in take.sentinels:
        if take.beside.has(sentinel):
            move(take.beside, sentinel, shelf, _renamed(sentinel, name, take))


def _tree_under(target: Path, take: Take, answer: Answer) -> HexDigest:
    """Return the drop's signature under its new name: the signature of a single file includes its name."""
    if not answer.tree or target.name == take.name or target.is_dir():
        return answer.tree
    return tree_of(target)


def _renamed(sentinel: str, name: str, take: Take) -> str:
    return f"{name}{sentinel.removeprefix(take.name)}"


def _copy_receipts(written: Path, take: Take) -> None:
    """Copy the receipts into the take. A missing receipt does not keep the drop from being moved."""
    for ending in RECEIPTS:
        receipt = written.with_suffix(Path(ending).suffix)
        try:
            shutil.copyfile(receipt, receipt_in_take(take, ending))
        except FileNotFoundError:
            if ending != REJECT_LIST:
                LOG.warning("%s: the receipt is missing and is not put beside the drop", receipt)


def receipt_in_take(take: Take, ending: str) -> Path:
    """Return the path in the take of the receipt with that ending, until it is put beside the drop."""
    return take.folder / f"our{ending}"
