"""What is to become of a take: noted in it, durably, before any of it is done."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

import msgspec

from flows.inboxes.queue.locks import locked_take
from flows.inboxes.queue.takes import Take
from flows.inboxes.shelf import is_name
from preservation.errors import IntegrityError
from preservation.model.digests import HexDigest
from preservation.model.identifiers import PackageId
from preservation.model.verdicts import Verdict
from preservation.records import Records


class AnswerPlace(StrEnum):
    """Where a drop is when its run has ended."""

    PROCESSING = "processing"
    ACCEPTED = "accepted"
    REJECTED = "rejected"
    QUARANTINE = "quarantine"


class Answer(msgspec.Struct, frozen=True):
    """What is to be done with a drop. ``name`` is the one that it is being given there.

    ``tree`` is empty where the drop is no longer what was taken.
    """

    place: AnswerPlace
    verdict: Verdict
    sentence: str
    at: datetime
    name: str
    package: PackageId | None
    tree: HexDigest


def is_answered(take: Take) -> bool:
    """Say whether it was answered, so that no run is to be given it any more."""
    return answer_note(take).exist


def answer_note(take: Take) -> Records[Answer]:
    """Return the record in which the answer is noted."""
    return Records(take.folder / "answer.json", Answer)


def noted_answer(take: Take) -> Answer:
    """Return what is to be done. Raises ``IntegrityError`` where that cannot be read any more."""
    answers = list(answer_note(take))
    if len(answers) != 1 or not is_name(answers[0].name):
        raise IntegrityError(f"{answer_note(take).path}: it does not say what is to be done with the drop")
    return answers[0]


def says_what_to_do(take: Take) -> bool:
    """Report whether an answer is noted that can be read."""
    try:
        noted_answer(take)
    except (FileNotFoundError, IntegrityError):
        return False
    return True


def has_damaged_answer(take: Take) -> bool:
    """Say whether it was answered, and nobody can read how. Raises ``OSError``."""
    return answer_note(take).exist and not says_what_to_do(take)


def forget_damaged_answer(take: Take) -> None:
    """Forget an answer that nobody can read, so that a run answers anew. Raises ``OSError``."""
    with locked_take(take) as there:
        if there and has_damaged_answer(take):
            answer_note(take).path.unlink(missing_ok=True)
