"""Answering in the folder: a drop goes where people look for it, with its receipt beside it.

What is to be done is noted in the take, durably, before any of it is done. So whoever comes after one who
was killed does the rest, and what is done already is not done twice.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import count
from pathlib import Path
from typing import Final

import msgspec

from flows.inboxes.folder.take import return_sentinels
from flows.inboxes.queue.answers import Answer, AnswerPlace, answer_note, noted_answer, says_what_to_do
from flows.inboxes.queue.attempts import excuse_run, note_end
from flows.inboxes.queue.locks import locked_take
from flows.inboxes.queue.takes import Take, TakeId, remove_take
from flows.inboxes.shelf import Shelf, move, put
from flows.installation.areas import Area
from flows.installation.log import LOG
from flows.submission.answer import SubmissionResult
from flows.submission.drop import tree_of
from flows.submission.workspace import in_other_hands
from preservation.errors import UnavailableError
from preservation.model.digests import HexDigest
from preservation.model.identifiers import CollectionName, ObjectName, PackageId
from preservation.model.paths import printable
from preservation.model.verdicts import Verdict
from preservation.records import Records
from preservation.virus.codes import INFECTED

RECEIPTS: Final = (".receipt.html", ".receipt.json")
KEPT: Final = ".kept.json"


_CHANGED: Final = (
    "The drop was changed after it was taken, so what lies here may be more or other than what the package "
    "has: compare them, and drop it anew where it is."
)


@dataclass(frozen=True, slots=True)
class Placed:
    """Where the drop is now. ``path`` is ``None`` where somebody took it away before we could place it."""

    place: AnswerPlace
    path: Path | None


class Kept(msgspec.Struct, frozen=True):
    """What stands beside a drop in ``accepted/``: which package has its content, and as what it was dropped.

    ``tree`` is the signature of the drop as it was kept; empty where it was changed after it was taken.
    ``sentinels`` are the names of those that lie beside it.
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


def place(told: SubmissionResult, take: Take) -> Placed:
    """Put the drop of ``take`` where its end belongs; done again, after a kill say, it does what is left.

    An interrupted or waiting drop stays, and the end is noted for who gives takes to runs. Raises
    ``StorageError`` where the area cannot be written to: then the take stays as it is.
    """
    verdict = told.ending.verdict
    try:
        if verdict in {Verdict.INTERRUPTED, Verdict.WAITING}:
            if told.ending.sentence == in_other_hands(take.object_id):
                # How the take stands is for that other run to say.
                excuse_run(take)
            else:
                note_end(take, verdict, told.ending.sentence, told.ending.at)
            return Placed(AnswerPlace.PROCESSING, take.path)
        with locked_take(take) as there:
            if not there:
                # Whoever came before us has done it all.
                return Placed(_place_of(told), None)
            if not says_what_to_do(take):
                if told.receipt is not None:
                    _bring_receipts(told.receipt, take)
                answer_note(take).write([_answer(told, take)])
            if take.bucket_inbox:
                # Whoever watches the bucket answers there first.
                return Placed(_place_of(told), take.path)
            return finish(take)
    except OSError as error:
        raise UnavailableError(
            f"{printable(str(take.path))} could not be moved to {_place_of(told)}/ "
            f"({error.strerror or error}); "
            "see that the area is there and may be written to; it is done as soon as it can be"
        ) from error


def finish_placing(take: Take) -> bool:
    """Do what is left to do for a take whose answer was noted; say whether it had been answered.

    A take that somebody is placing now is left to them. Raises ``OSError`` or ``StorageError``.
    """
    if not answer_note(take).exist:
        return False
    with locked_take(take, wait=False) as there:
        if there and answer_note(take).exist:
            finish(take)
    return True


def _place_of(told: SubmissionResult) -> AnswerPlace:
    if told.ending.verdict is not Verdict.REJECTED:
        return AnswerPlace.ACCEPTED
    infected = any(issue.code == INFECTED for issue in (*told.ending.issues, *told.issues))
    return AnswerPlace.QUARANTINE if infected else AnswerPlace.REJECTED


def _answer(told: SubmissionResult, take: Take) -> Answer:
    ending = told.ending
    unchanged = take.has_drop and tree_of(take.path) == take.tree
    sentence = ending.sentence
    if take.has_drop and not unchanged and ending.package is not None:
        sentence = f"{sentence} {_CHANGED}"
        LOG.warning("%s: %s", take.object_id, _CHANGED)
    return Answer(
        _place_of(told),
        ending.verdict,
        sentence,
        ending.at,
        take.name,
        ending.package,
        take.tree if unchanged else HexDigest(""),
    )


def finish(take: Take) -> Placed:
    """Do what the answer says, as far as it is not done. It is for whoever is alone with the take."""
    answer = noted_answer(take)
    below = (take.collection, *take.groups)
    shelf = Shelf(take.area / answer.place, below)
    # Nobody but the service sees into quarantine, and whoever dropped it must be told.
    told_in = Shelf(Area(take.area).rejected, below) if answer.place is AnswerPlace.QUARANTINE else shelf
    shelf.make()
    told_in.make()
    name = _move_drop(take, answer, shelf, told_in)
    if name is not None:
        _tell_beside(take, answer, told_in, name)
    else:
        return_sentinels(take)
    if not remove_take(take.folder):
        LOG.warning("%s: could not be removed yet; nothing is lost by it", take.folder)
    return Placed(answer.place, None if name is None else shelf.path / name)


def _move_drop(take: Take, answer: Answer, shelf: Shelf, told_in: Shelf) -> str | None:
    """Move the drop to a name that nothing has, and return it; ``None`` where somebody removed the drop."""
    name = answer.name
    names = names_for(take.name)
    while take.has_drop:
        name = next(name for name in names if _is_free(name, take, shelf, told_in))
        if name != answer.name:
            # Noted before the move, so that after a kill it is known where the drop went.
            answer = msgspec.structs.replace(answer, name=name)
            answer_note(take).write([answer])
        try:
            move(take.shelf, take.name, shelf, name)
        except FileExistsError:
            continue
    return name if shelf.has(name) else None


def names_for(name: str) -> Iterator[str]:
    """Give the names that a drop can have where another has its own: ``sheet``, ``sheet (2)`` and so on."""
    yield name
    yield from (f"{name} ({number})" for number in count(2))


def _is_free(name: str, take: Take, shelf: Shelf, told_in: Shelf) -> bool:
    """Say whether a drop can have that name. A receipt of an earlier one may be replaced, a drop never."""
    if shelf.has(name) or told_in.has(name):
        return False
    if any(told_in.has(_renamed(sentinel, name, take)) for sentinel in take.sentinels):
        return False
    return not any(_is_a_drop(told_in, f"{name}{ending}") for ending in (*RECEIPTS, KEPT))


def _is_a_drop(told_in: Shelf, name: str) -> bool:
    """Say whether what has a receipt's name is something else: a folder, or what has itself a receipt."""
    if not told_in.has(name):
        return False
    return not (told_in.path / name).is_file() or any(told_in.has(f"{name}{ending}") for ending in RECEIPTS)


def _tell_beside(take: Take, answer: Answer, shelf: Shelf, name: str) -> None:
    """Put beside the drop its receipt, the sentinels that came with it, and which package has it."""
    for ending in RECEIPTS:
        if brought_receipt(take, ending).exists():
            put(brought_receipt(take, ending), shelf, f"{name}{ending}")
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
        note = Records(take.folder / "kept.json", Kept)
        note.write([kept])
        put(note.path, shelf, f"{name}{KEPT}")
    for sentinel in take.sentinels:
        if take.beside.has(sentinel):
            move(take.beside, sentinel, shelf, _renamed(sentinel, name, take))


def _tree_under(target: Path, take: Take, answer: Answer) -> HexDigest:
    """Return the drop's signature under its new name: that of a single file has the name in it."""
    if not answer.tree or target.name == take.name or target.is_dir():
        return answer.tree
    return tree_of(target)


def _renamed(sentinel: str, name: str, take: Take) -> str:
    return f"{name}{sentinel.removeprefix(take.name)}"


def _bring_receipts(written: Path, take: Take) -> None:
    """Copy the receipts into the take. One that is gone is no reason to keep the drop from its place."""
    for ending in RECEIPTS:
        receipt = written.with_suffix(Path(ending).suffix)
        try:
            shutil.copyfile(receipt, brought_receipt(take, ending))
        except FileNotFoundError:
            LOG.warning("%s: the receipt is gone, so it is not put beside the drop", receipt)


def brought_receipt(take: Take, ending: str) -> Path:
    """Return where in the take the receipt with that ending is, until it is put beside the drop."""
    return take.folder / f"our{ending}"
