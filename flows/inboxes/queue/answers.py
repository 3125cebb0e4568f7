"""The answer to a take: recorded durably in it before any step of it is done."""

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
    """The folder of a drop when its run has ended."""

    PROCESSING = "processing"
    WAITING = "waiting"
    ACCEPTED = "accepted"
    REJECTED = "rejected"
    QUARANTINE = "quarantine"


class Answer(msgspec.Struct, frozen=True):
    """What is to be done with a drop. ``name`` is its name in ``place``.

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
    """Return whether the take was answered, so that it is given to no further run."""
    return answer_record(take).exist


def answer_record(take: Take) -> Records[Answer]:
    """Return the record of the answer."""
    return Records(take.folder / "answer.json", Answer)


def read_answer(take: Take) -> Answer:
    """Return the recorded answer. Raises ``IntegrityError`` where it cannot be read."""
    answers = list(answer_record(take))
    if len(answers) != 1 or not is_name(answers[0].name):
        raise IntegrityError(f"{answer_record(take).path}: the answer to the drop is damaged")
    return answers[0]


def has_readable_answer(take: Take) -> bool:
    """Return whether there is a recorded answer that can be read."""
    try:
        read_answer(take)
    except (FileNotFoundError, IntegrityError):
        return False
    return True


def has_damaged_answer(take: Take) -> bool:
    """Return whether the take was answered, but the answer cannot be read. Raises ``OSError``."""
    return answer_record(take).exist and not has_readable_answer(take)


def forget_damaged_answer(take: Take) -> None:
    """Remove an answer that cannot be read, so that a run answers anew. Raises ``OSError``."""
    with locked_take(take) as there:
        if there and has_damaged_answer(take):
            answer_record(take).path.unlink(missing_ok=True)
