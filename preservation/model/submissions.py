"""Submissions: one drop each (OAIS SIP), and what the drop turned out to be."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path

from preservation.model.digests import HexDigest
from preservation.model.identifiers import ObjectId, SubmissionId
from preservation.model.issues import Issue
from preservation.model.paths import RelativePath


class DropKind(StrEnum):
    """The forms in which a drop arrives."""

    FOLDER = "folder"
    FILE = "file"
    BAG = "bag"
    SERIALIZED_BAG = "serialized bag"
    ARCHIVE = "archive"


@dataclass(frozen=True, slots=True)
class Submission:
    """One drop on its way to becoming a version of an object. ``drop`` is never written to."""

    identifier: SubmissionId
    object: ObjectId
    drop: Path
    received_at: datetime


@dataclass(frozen=True, slots=True)
class UnpackedArchive:
    """An archive that was dropped and unpacked: its own bytes are not kept, what was in it is.

    ``size`` is in bytes; ``kind`` is ``zip``, ``tar``, ``tar.gz`` and the like; ``files`` members were in
    it, folders too, with ``unpacked`` bytes in all.
    """

    name: str
    kind: str
    size: int
    sha256: HexDigest
    files: int
    unpacked: int


@dataclass(frozen=True, slots=True)
class Received:
    """A drop, recognised: where its payload lies now, and what came with it.

    ``payload_root`` is the folder below which the payload lies; ``only`` names the single file of it
    that was dropped, where the drop is one file. ``bag_root`` is the submitted bag's folder (its tag
    files are kept as submission metadata), ``None`` where the drop is not a bag. ``archive`` is what the
    payload was unpacked from; ``remarks`` are about how it was dropped, and send nothing back.
    """

    kind: DropKind
    payload_root: Path
    only: RelativePath | None = None
    bag_root: Path | None = None
    archive: UnpackedArchive | None = None
    remarks: tuple[Issue, ...] = ()
