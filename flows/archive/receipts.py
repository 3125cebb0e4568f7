"""What the receipts of an object state of its submissions, read from the head of each ``receipt.json``."""

import re
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Final

import msgspec

from preservation.model.identifiers import ObjectId, SubmissionId
from preservation.model.submissions import Submission
from storage.rebuild.ends import AnsweredSubmission

_MOST: Final = 16 << 20
"""Bytes of a head; it has up to ten thousand issues."""

_BLOCK: Final = 1 << 16
# What follows the head has a line for each file. In a string, a quotation mark has a backslash before it.
_AFTER: Final = re.compile(rb',"(?:compared":|files":\[)')
_SUBMISSION: Final = re.compile(r"[0-9a-f]{1,64}")


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


def _head_of(file: Path) -> bytes:
    read = b""
    with file.open("rb") as stream:
        while len(read) < _MOST and (block := stream.read(_BLOCK)):
            read += block
            if found := _AFTER.search(read):
                return read[: found.start()] + b"}"
    return read
