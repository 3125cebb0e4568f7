"""The workspace of a submission: its folder below ``processing/``, in which every stage leaves its records.

The records of a stage are there wholly or not at all, so a run that was killed goes on after the last stage
that finished. There is one folder for each object, locked while a run works on it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import TypeVar, cast
from uuid import uuid4

import msgspec

from preservation.errors import IntegrityError, UnavailableError
from preservation.files.lock import locked
from preservation.files.tree import remove_tree
from preservation.model import layout
from preservation.model.decisions import Decision
from preservation.model.derivatives import Derivative, Purpose, RefusedDerivative
from preservation.model.descriptions import DescribedFile, SuppliedDescription
from preservation.model.difference import FileChange, VersionDifference
from preservation.model.digests import HexDigest
from preservation.model.dossiers import Dossiers
from preservation.model.events import Event
from preservation.model.files import IrregularEntry, SurveyedFile
from preservation.model.formats import EngineRelease
from preservation.model.identifiers import ObjectId, PackageId, StoreName, SubmissionId
from preservation.model.issues import Issue
from preservation.model.packages import Replica
from preservation.model.rulings import Waiver, file_waived
from preservation.model.screening import Examined, ScreenedFile, Unexamined
from preservation.model.submissions import Received, Submission
from preservation.model.supplied import SuppliedManifest
from preservation.model.verdicts import Verdict
from preservation.model.viruses import ScannedFile
from preservation.policy.load import parse
from preservation.policy.schema import Policy
from preservation.policy.schema_files import SchemaFile, schemas_among, write_schemas
from preservation.records import Records
from preservation.survey.walk import TreeOutline, walk
from storage.ports.catalogue import CatalogueFile


def payload_files(workspace: Workspace) -> Iterator[CatalogueFile]:
    """List every file of the payload, each original followed by what was made from it."""
    for dossier in workspace.dossiers:
        file = dossier.kept
        if file is None:
            continue
        yield CatalogueFile(layout.original(file.path), file.size, file.digests, file.identification.decided)
        for derivative in dossier.derivatives:
            if isinstance(derivative, Derivative) and derivative.purpose is Purpose.PRESERVATION:
                what = derivative.identification
                yield CatalogueFile(
                    layout.preserved(derivative.path),
                    derivative.size,
                    derivative.digests,
                    None if what is None else what.decided,
                )


SURVEYING_STAGE = "survey"
"""The stage that finds the files."""

JUDGING_STAGE = "plan"
"""The stage that decides whether a submission goes on."""

_Value = TypeVar("_Value")

# A union is no type to mypy, but one to msgspec.
_FOUND = cast("type[SurveyedFile | IrregularEntry]", SurveyedFile | IrregularEntry)
_DERIVED = cast("type[Derivative | RefusedDerivative]", Derivative | RefusedDerivative)


class Extent(msgspec.Struct, frozen=True):
    """How many files there are, and how many bytes."""

    files: int
    bytes: int


class DropClaim(msgspec.Struct, frozen=True):
    """What a submission's folder is for: this drop, as it was, under this policy.

    ``found`` is the size of the drop when it was claimed. ``dropped_as`` is where it lay in its inbox, as
    people know it; empty for any other drop. ``adopted`` is where it lay
    as an old holding; empty for any other drop.
    """

    submission: Submission
    tree: HexDigest
    policy: HexDigest
    found: Extent | None = None
    dropped_as: str = ""
    adopted: str = ""


class Ending(msgspec.Struct, frozen=True):
    """How a submission ended: the one value that exit code, receipt, journal and Prefect's state render.

    ``files`` and ``bytes`` count what was dropped, ``kept`` the originals of it in ``package``. Stores in
    ``lacking`` are to have the package and do not have it yet.
    """

    verdict: Verdict
    sentence: str
    at: datetime
    files: int = 0
    bytes: int = 0
    package: PackageId | None = None
    replicas: tuple[Replica, ...] = ()
    issues: tuple[Issue, ...] = ()
    lacking: tuple[StoreName, ...] = ()
    kept: Extent = Extent(0, 0)


class LackingStore(msgspec.Struct, frozen=True):
    """A store that is to have the package, was not needed for the policy's number, and why it failed."""

    store: StoreName
    reason: str


class Numbered(msgspec.Struct, frozen=True):
    """The version number of a submission, and when it was given: the time of its package.

    Nothing lay under the number in stores in ``empty_in``, so that what lies there since is the submission's.
    It is ``None`` where the number was given by a release that did not look.
    """

    package: PackageId
    at: datetime
    empty_in: tuple[StoreName, ...] | None = None

    def may_purge(self, store: StoreName) -> bool:
        """Return whether what is not committed there can only be what this submission wrote."""
        return self.empty_in is None or store in self.empty_in


class DoubtedVersion(msgspec.Struct, frozen=True):
    """The latest version, which has the drop's content, and was not found in the stores as it was kept."""

    package: PackageId
    issues: tuple[Issue, ...]


class Approval(msgspec.Struct, frozen=True):
    """A person's approval of a submission that was waiting.

    ``asked_at`` is when it had ended as waiting; 0.1.0 did not record it.
    """

    by: str
    because: str
    at: datetime
    asked_at: datetime | None = None


class Refusal(msgspec.Struct, frozen=True):
    """A person's refusal of a submission that was waiting."""

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
        self.scanned_sidecars = self._records("virus-sidecars", ScannedFile)
        self.supplied = self._records("supplied", SuppliedManifest)
        self.issues = self._records("issues", Issue)
        self.description = self._records("description", SuppliedDescription)
        self.described = self._records_of_files("described", DescribedFile)
        self.fingerprint = self._records("fingerprint", HexDigest)
        self.number = self._records("number", Numbered)
        self.screening = self._records_of_files("screening", ScreenedFile)
        self.screening_issues = self._records("screening-issues", Issue)
        self.unexamined = self._records("unexamined", Unexamined)
        self.examined = self._records("examined", Examined)
        self.decisions = self._records_of_files("decisions", Decision)
        self.difference = self._records("difference", VersionDifference)
        self.changes = self._records_of_files("changes", FileChange)
        self.order_issues = self._records("order", Issue)
        self.waivers = self._records("waivers", Waiver)
        self.derivatives = self._records_of_files("derivatives", _DERIVED)
        self.unsound = self._records("unsound", Issue)
        self.doubted = self._records("doubted", DoubtedVersion)
        self.replicas = self._records("replicas", Replica)
        self.lacking = self._records("lacking", LackingStore)
        self.approval = self._records("approval", Approval)
        self.refusal = self._records("refusal", Refusal)
        self.fault = self._records("fault", str)
        self.ending = self._records("ending", Ending)
        self._tally = self._records("tally", Extent)

    def _records(self, name: str, of: type[_Value]) -> Records[_Value]:
        return Records(self.root / f"{name}.jsonl", of)

    def _records_of_files(self, name: str, of: type[_Value]) -> Records[_Value]:
        """Return compressed records, for those of which there is one for each file of the drop."""
        return Records(self.root / f"{name}.jsonl.gz", of)

    def events(self, stage: str) -> Records[Event]:
        """Return the events of one stage. They are its last record, so a stage that has them is done."""
        return self._records(f"events-{stage}", Event)

    def surveyed(self) -> Iterator[SurveyedFile]:
        """Yield the survey's files, without irregular entries."""
        return (entry for entry in self.survey.so_far if isinstance(entry, SurveyedFile))

    def tally(self) -> Extent:
        """Return the count of the survey's files, which is recorded once the survey is done."""
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
    def screened(self) -> Iterable[ScreenedFile]:
        """What was found of each file so far, with what persons have waived; may be iterated again."""
        waivers = tuple(self.waivers.so_far)
        return _JudgedFiles(self.screening, waivers) if waivers else self.screening.so_far

    @property
    def dossiers(self) -> Dossiers:
        """All that was recorded so far about each file."""
        return Dossiers(
            self.survey.so_far,
            self.screened,
            self.decisions.so_far,
            self.derivatives.so_far,
            self.described.so_far,
        )

    def kept(self) -> Extent:
        """Return how much of the drop goes into a package, without what is made of it."""
        files = size = 0
        for dossier in self.dossiers:
            if dossier.kept is not None:
                files += 1
                size += dossier.kept.size
        return Extent(files, size)

    @property
    def submission(self) -> Submission:
        """The submission that this folder is of."""
        return only(self.claim).submission

    @property
    def policy(self) -> Policy:
        """The policy as it was when the submission began."""
        return _parsed_policy(self._policy_file.read_bytes(), self._schemas())

    @property
    def _policy_file(self) -> Path:
        return self.root / "policy.toml"

    @property
    def _policy_schemas(self) -> Path:
        return self.root / "policy-schemas"

    def _schemas(self) -> tuple[SchemaFile, ...]:
        folder = self._policy_schemas
        found = walk(folder) if folder.exists() else ()
        return tuple(sorted(SchemaFile(str(one.path), (folder / one.path).read_bytes()) for one in found))

    @property
    def thumbnails(self) -> Path:
        """The folder of the thumbnails that screening makes."""
        return self.root / "thumbnails"

    @property
    def sidecars(self) -> Path:
        """The folder of the copies of manifests that lay beside a drop of one file."""
        return self.root / "sidecars"

    @property
    def has_ended(self) -> bool:
        """Return whether a verdict was reached."""
        return self.ending.exist

    @property
    def progress(self) -> Path:
        """The file in which the running stage writes its progress; nothing depends on it."""
        return self.root / "progress.json"

    def start(
        self,
        object_id: ObjectId,
        drop: Path,
        found: TreeOutline,
        policy: Policy,
        at: datetime,
        dropped_as: str = "",
        *,
        adopted: str = "",
    ) -> None:
        """Begin a new submission; the folder must not be there yet."""
        self.root.mkdir(parents=True)
        submission = Submission(SubmissionId(uuid4().hex), object_id, drop, at)
        self._policy_file.write_bytes(policy.source)
        write_schemas(policy.schemas, self._policy_schemas)
        tally = Extent(found.files, found.bytes)
        policy_digest = policy.reference.digest
        self.claim.write([DropClaim(submission, found.signature, policy_digest, tally, dropped_as, adopted)])

    def reopen(self) -> None:
        """Remove an ending for now (interrupted, waiting), so that the stages go on.

        The judgement is made again: a person may have approved in the meantime. A refusal that did not end it
        goes: it would stand in the answer.
        """
        self.refusal.path.unlink(missing_ok=True)
        self.ending.path.unlink(missing_ok=True)
        self.events(JUDGING_STAGE).path.unlink(missing_ok=True)
        self.fault.path.unlink(missing_ok=True)

    def discard(self) -> None:
        """Remove the folder. It is renamed first, so that no part of it is ever resumed."""
        if self.root.exists():
            aside = self.root.with_name(f"{_DISCARDED}{uuid4().hex}")
            self.root.rename(aside)
            # The next run on the object removes it too, so it may be gone already.
            with suppress(OSError):
                remove_tree(aside)


@dataclass(frozen=True, slots=True)
class _JudgedFiles:
    """What screening found, each time anew, with what is waived."""

    screening: Records[ScreenedFile]
    waivers: tuple[Waiver, ...]

    def __iter__(self) -> Iterator[ScreenedFile]:
        return (file_waived(one, self.waivers) for one in self.screening.so_far)


_DISCARDED = ".discarded-"
_LOCKS = ".locks"


@lru_cache(maxsize=32)
def _parsed_policy(content: bytes, schemas: tuple[SchemaFile, ...]) -> Policy:
    """Return the policy, from a cache: many submissions share one, and each stage asks for it."""
    return parse(content, "policy.toml of the submission", schemas_among(schemas))


def waits(object_id: ObjectId, drop: Path, processing: Path) -> bool:
    """Return whether the submission of an object is that of ``drop``, and waits for a person."""
    workspace = Workspace(workspace_root(processing, object_id))
    try:
        return any(claimed.submission.drop == drop for claimed in workspace.claim.so_far) and any(
            ending.verdict is Verdict.WAITING for ending in workspace.ending.so_far
        )
    except (IntegrityError, FileNotFoundError):
        # Damaged, or answered in the meantime.
        return False


def only(records: Records[_Value]) -> _Value:
    """Return the one value of a record that holds one."""
    return next(iter(records))


def lock_of(processing: Path, object_id: ObjectId) -> Path:
    """Return the file that is locked while a run works on the object."""
    return processing / _LOCKS / object_id.collection / object_id.name


def workspace_root(processing: Path, object_id: ObjectId) -> Path:
    """Return the folder of the object's submission."""
    return processing / object_id.collection / object_id.name


def busy_sentence(object_id: ObjectId) -> str:
    """Return the message that another run works on the object."""
    return f"{object_id}: another run of Muniment works on this object; try again when it has ended"


@contextmanager
def locked_workspace(processing: Path, object_id: ObjectId) -> Iterator[Workspace]:
    """Lock the object for as long as the context lasts, and yield its workspace.

    Raises ``UnavailableError`` where another run has it.
    """
    place = lock_of(processing, object_id)
    place.parent.mkdir(parents=True, exist_ok=True)
    with locked(place, wait=False) as ours:
        if not ours:
            raise UnavailableError(busy_sentence(object_id))
        workspace = Workspace(workspace_root(processing, object_id))
        # Folders that a killed run did not finish removing.
        for aside in workspace.root.parent.glob(f"{_DISCARDED}*"):
            with suppress(OSError):
                remove_tree(aside)
        yield workspace
