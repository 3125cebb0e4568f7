"""What receipts state of submissions, read from the head of each ``receipt.json``."""

import re
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Final

import msgspec

from preservation.model.identifiers import ObjectId, SubmissionId
from preservation.model.issues import IssueCode, Severity
from preservation.model.submissions import Submission
from preservation.receipt.titles import title_of
from storage.rebuild.ends import AnsweredSubmission

_MOST: Final = 16 << 20
"""Bytes of a head; it has up to ten thousand issues."""

_BLOCK: Final = 1 << 16
# What follows the head has a line for each file. In a string, a quotation mark has a backslash before it.
_AFTER: Final = re.compile(rb',"(?:compared":|files":\[)')
REFUSED: Final = "refused"
"""Stands for a code where a person refused a drop."""

_SUBMISSION: Final = re.compile(r"[0-9a-f]{1,64}")


class ReceiptFault(msgspec.Struct, frozen=True):
    """What was found in a drop: in so many files, in none where it is about the drop as a whole.

    ``picture`` is one of these files as a ``data:`` address, empty where there is none.
    """

    code: str
    severity: Severity
    title: str = ""
    files: int = 0
    picture: str | None = None


class _Decision(msgspec.Struct):
    approves: bool


class _Answer(msgspec.Struct):
    faults: list[ReceiptFault] = []
    issues: list[ReceiptFault] = []
    decision: _Decision | None = None


class _Head(msgspec.Struct):
    object: str
    submission: str
    drop: str
    started: datetime


def receipts_of(owner: ObjectId, receipts: Path) -> Iterator[AnsweredSubmission]:
    """Yield what the receipts below ``receipts`` state of the submissions of ``owner``.

    A file that cannot be read, or is no receipt of that object, is passed over.
    """
    for file in sorted((receipts / owner.collection / owner.name).glob("*.json")):
        try:
            head = msgspec.json.decode(_head_of(file), type=_Head)
        except (OSError, msgspec.MsgspecError):
            continue
        if head.object == str(owner) and _SUBMISSION.fullmatch(head.submission) and head.started.tzinfo:
            submission = Submission(SubmissionId(head.submission), owner, Path(head.drop), head.started)
            yield AnsweredSubmission(submission, file.with_suffix(".html"))


def faults_of(page: Path) -> tuple[ReceiptFault, ...] | None:
    """Return why the receipt that has ``page`` sends a drop back, each code once, the gravest first.

    Where a person refused the drop, that is the first of them. ``None`` where the receipt cannot be read.
    """
    try:
        answer = msgspec.json.decode(_head_of(page.with_suffix(".json")), type=_Answer)
    except (OSError, msgspec.MsgspecError):
        return None
    found: dict[str, ReceiptFault] = {}
    if answer.decision is not None and not answer.decision.approves:
        found[REFUSED] = ReceiptFault(REFUSED, Severity.ERROR, "Refused by a person")
    of_drop = (msgspec.structs.replace(one, title=title_of(IssueCode(one.code))) for one in answer.issues)
    for one in (*answer.faults, *of_drop):
        if one.severity is Severity.ERROR:
            found.setdefault(one.code, one)
    return tuple(found.values())


def _head_of(file: Path) -> bytes:
    read = b""
    with file.open("rb") as stream:
        while len(read) < _MOST and (block := stream.read(_BLOCK)):
            read += block
            if found := _AFTER.search(read):
                return read[: found.start()] + b"}"
    return read
