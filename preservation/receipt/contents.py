"""What a receipt is written from."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from preservation.model.decisions import PolicyReference
from preservation.model.difference import FileChange, VersionDifference
from preservation.model.dossiers import Dossier
from preservation.model.formats import EngineRelease
from preservation.model.identifiers import PackageId, StoreName
from preservation.model.issues import Issue
from preservation.model.packages import Replica
from preservation.model.submissions import Submission
from preservation.model.supplied import ManifestTally
from preservation.model.verdicts import Verdict


@dataclass(frozen=True, slots=True)
class PlacedReplica:
    """A verified copy, and the site where its store is."""

    replica: Replica
    site: str


@dataclass(frozen=True, slots=True)
class PersonsDecision:
    """What a person decided of a drop that waited for one: who, why, and when (UTC)."""

    by: str
    because: str
    at: datetime
    approves: bool


@dataclass(frozen=True, slots=True)
class Receipt:
    """What became of one drop.

    ``sentence`` says why in a few words. ``files`` is iterated several times and never held; it may
    be empty where the drop never came so far. ``issues`` are those of the drop as a whole.
    ``workspace`` is where the thumbnails are that the files name. ``package`` is the version that
    holds the content now, ``None`` where there is none; stores in ``lacking`` are to have it and do not yet.
    ``comparison`` is with the manifests that came with the drop; ``title`` is the object's, as supplied.
    ``difference`` is from the version before, ``None`` where there is none or it has the same content;
    ``changes`` are the files that differ, which are iterated and never held.
    ``dropped_as`` is the drop's place as people know it, where it is no longer the path that was read.
    ``how_to_answer`` are the commands that answer a drop that waits, and ``contact`` is whom to ask.
    ``is_trial`` says that the drop was only checked: the verdict is what it would be, and nothing is kept.
    """

    submission: Submission
    verdict: Verdict
    sentence: str
    files: Iterable[Dossier]
    workspace: Path
    started: datetime
    ended: datetime
    package: PackageId | None = None
    issues: tuple[Issue, ...] = ()
    replicas: tuple[PlacedReplica, ...] = ()
    policy: PolicyReference | None = None
    engines: tuple[EngineRelease, ...] = ()
    lacking: tuple[StoreName, ...] = ()
    comparison: ManifestTally = field(default_factory=ManifestTally)
    title: str = ""
    difference: VersionDifference | None = None
    changes: Iterable[FileChange] = ()
    decision: PersonsDecision | None = None
    dropped_as: str = ""
    how_to_answer: tuple[str, ...] = ()
    contact: str = ""
    is_trial: bool = False

    @property
    def is_kept(self) -> bool:
        """Whether the content is in a package now."""
        return not self.is_trial and self.verdict in {Verdict.STORED, Verdict.ALREADY_KEPT}

    @property
    def is_refused(self) -> bool:
        """Whether a person decided that it is not kept."""
        return self.verdict is Verdict.REJECTED and self.decision is not None and not self.decision.approves
