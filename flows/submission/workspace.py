"""A submission in hand: its folder below ``processing/``, in which every stage leaves what it found.

What a stage found is there wholly or not at all, so a run that was killed goes on after the last stage
that finished. One folder an object, locked while a run has it in hand.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import TypeVar, cast
from uuid import uuid4

import msgspec

from preservation.errors import UnavailableError
from preservation.files.lock import locked
from preservation.model import layout
from preservation.model.decisions import Decision
from preservation.model.derivatives import Derivative, Purpose, RefusedDerivative
from preservation.model.digests import HexDigest
from preservation.model.dossiers import Dossiers
from preservation.model.events import Event
from preservation.model.files import IrregularEntry, SurveyedFile
from preservation.model.formats import EngineRelease
from preservation.model.identifiers import ObjectId, PackageId, SubmissionId
from preservation.model.issues import Issue
from preservation.model.packages import Replica
from preservation.model.screening import ScreenedFile
from preservation.model.submissions import Received, Submission
from preservation.model.supplied import SuppliedManifest
from preservation.model.verdicts import Verdict
from preservation.model.viruses import ScannedFile
from preservation.policy.load import parse
from preservation.policy.schema import Policy
from preservation.records import Records
from preservation.survey.walk import TreeOutline
from storage.ports.catalogue import CatalogueFile


def payload_files(workspace: Workspace) -> Iterator[CatalogueFile]:
    """List every file of the payload, each original followed by what was made from it."""
    for dossier in Dossiers(workspace.survey, workspace.screened, workspace.decisions, workspace.derivatives):
        file = dossier.kept
        if file is None:
            continue
        yield CatalogueFile(layout.original(file.path), file.size, file.digests, file.identification.decided)
        for derivative in dossier.derivatives:
            if isinstance(derivative, Derivative) and derivative.purpose is Purpose.PRESERVATION:
                yield CatalogueFile(
                    layout.preserved(derivative.path), derivative.size, derivative.digests, None
                )


SURVEYING_STAGE = "survey"
"""The stage that finds the files."""

JUDGING_STAGE = "plan"
"""The stage that says whether a submission goes on."""

_Value = TypeVar("_Value")

# A union is no type to mypy, but one to msgspec.
_FOUND = cast("type[SurveyedFile | IrregularEntry]", SurveyedFile | IrregularEntry)
_DERIVED = cast("type[Derivative | RefusedDerivative]", Derivative | RefusedDerivative)


class Extent(msgspec.Struct, frozen=True):
    """How many files there are, and how many bytes."""

    files: int
    bytes: int


class DropClaim(msgspec.Struct, frozen=True):
    """What a submission's folder stands for: this drop, as it was, under this policy.

    ``found`` is how much lay there when it was taken in hand.
    """

    submission: Submission
    tree: HexDigest
    policy: HexDigest
    found: Extent | None = None


class Ending(msgspec.Struct, frozen=True):
    """How a submission ended: the verdict, in a sentence, and what can be counted."""

    verdict: Verdict
    sentence: str
    at: datetime
    files: int = 0
    bytes: int = 0
    package: PackageId | None = None
    replicas: tuple[Replica, ...] = ()
    issues: tuple[Issue, ...] = ()


class Numbered(msgspec.Struct, frozen=True):
    """The version number that a submission was given, and when: the time that its package bears."""

    package: PackageId
    at: datetime


class Approval(msgspec.Struct, frozen=True):
    """A person's answer to what a submission was waiting for."""

    by: str
    because: str
    at: datetime


class Workspace:
    """The folder of one submission and, typed, everything in it."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.claim = self._records("claim", DropClaim)
        self.received = self._records("received", Received)
        self.engines = self._records("engines", EngineRelease)
        self.survey = self._records_of_files("survey", _FOUND)
        self.scanned = self._records_of_files("virus", ScannedFile)
        self.supplied = self._records("supplied", SuppliedManifest)
        self.issues = self._records("issues", Issue)
        self.fingerprint = self._records("fingerprint", HexDigest)
        self.number = self._records("number", Numbered)
        self.screened = self._records_of_files("screening", ScreenedFile)
        self.decisions = self._records_of_files("decisions", Decision)
        self.derivatives = self._records_of_files("derivatives", _DERIVED)
        self.unsound = self._records("unsound", Issue)
        self.replicas = self._records("replicas", Replica)
        self.approval = self._records("approval", Approval)
        self.fault = self._records("fault", str)
        self.ending = self._records("ending", Ending)
        self._tally = self._records("tally", Extent)

    def _records(self, name: str, of: type[_Value]) -> Records[_Value]:
        return Records(self.root / f"{name}.jsonl", of)

    def _records_of_files(self, name: str, of: type[_Value]) -> Records[_Value]:
        """Return records of which there is one a file: of many small files they would fill the disk."""
        return Records(self.root / f"{name}.jsonl.gz", of)

    def events(self, stage: str) -> Records[Event]:
        """Return the events of one stage: written last of all it leaves, so a stage that has them is done."""
        return self._records(f"events-{stage}", Event)

    def surveyed(self) -> Iterator[SurveyedFile]:
        """Give the survey's files, without what is no file."""
        return (entry for entry in self.survey.so_far if isinstance(entry, SurveyedFile))

    def tally(self) -> Extent:
        """Count the survey's files; once it is done, counted once."""
        if self._tally.exist:
            return only(self._tally)
        files = size = 0
        for file in self.surveyed():
            files += 1
            size += file.size
        tally = Extent(files, size)
        if self.events(SURVEYING_STAGE).exist:
            self._tally.write([tally])
        return tally

    @property
    def submission(self) -> Submission:
        """The submission that this folder is of."""
        return only(self.claim).submission

    @property
    def policy(self) -> Policy:
        """The policy as it was when the submission began, whatever became of its file since."""
        return _policy_saying(self._policy_file.read_bytes())

    @property
    def _policy_file(self) -> Path:
        return self.root / "policy.toml"

    @property
    def thumbnails(self) -> Path:
        """Where screening leaves what people look at."""
        return self.root / "thumbnails"

    @property
    def has_ended(self) -> bool:
        """Say whether a verdict was reached."""
        return self.ending.exist

    @property
    def progress(self) -> Path:
        """Where the stage at work says how far it is; of no meaning for what comes of it."""
        return self.root / "progress.json"

    def start(
        self, object_id: ObjectId, drop: Path, found: TreeOutline, policy: Policy, at: datetime
    ) -> None:
        """Begin a new submission; the folder must not be there yet."""
        self.root.mkdir(parents=True)
        submission = Submission(SubmissionId(uuid4().hex), object_id, drop, at)
        self._policy_file.write_bytes(policy.source)
        tally = Extent(found.files, found.bytes)
        self.claim.write([DropClaim(submission, found.signature, policy.reference.digest, tally)])

    def reopen(self) -> None:
        """Take back an ending that was none for good (interrupted, waiting), so that the stages go on.

        The judgement is made again: a person may have answered in the meantime.
        """
        self.ending.path.unlink(missing_ok=True)
        self.events(JUDGING_STAGE).path.unlink(missing_ok=True)
        self.fault.path.unlink(missing_ok=True)

    def discard(self) -> None:
        """Remove the folder. It goes from its place at once, so that no half of it is ever taken up."""
        if self.root.exists():
            aside = self.root.with_name(f"{_DISCARDED}{uuid4().hex}")
            self.root.rename(aside)
            # Whoever takes an object in hand clears what is left aside, so it may be gone already.
            shutil.rmtree(aside, ignore_errors=True)


_DISCARDED = ".discarded-"
_LOCKS = ".locks"


@lru_cache(maxsize=32)
def _policy_saying(content: bytes) -> Policy:
    """Return the policy. Many submissions have the same, and each stage asks for it."""
    return parse(content, "policy.toml of the submission")


def only(records: Records[_Value]) -> _Value:
    """Return the one value of a record that holds one."""
    return next(iter(records))


def lock_of(processing: Path, object_id: ObjectId) -> Path:
    """Return the file that is locked while a run has the object in hand."""
    return processing / _LOCKS / object_id.collection / object_id.name


def in_other_hands(object_id: ObjectId) -> str:
    """Say that another run has the object in hand."""
    return f"{object_id}: another run of Muniment has this object in hand; try again when it has ended"


@contextmanager
def in_hand(processing: Path, object_id: ObjectId) -> Iterator[Workspace]:
    """Hold the object's folder for as long as the context lasts; nobody else has it then.

    Raises ``UnavailableError`` where another run has it.
    """
    place = lock_of(processing, object_id)
    place.parent.mkdir(parents=True, exist_ok=True)
    with locked(place, wait=False) as ours:
        if not ours:
            raise UnavailableError(in_other_hands(object_id))
        workspace = Workspace(processing / object_id.collection / object_id.name)
        # What a run was killed in the middle of removing is nobody's any more.
        for aside in workspace.root.parent.glob(f"{_DISCARDED}*"):
            shutil.rmtree(aside, ignore_errors=True)
        yield workspace
