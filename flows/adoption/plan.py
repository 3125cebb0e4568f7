"""The plan of an adoption: what was found, what each becomes, what is left, and what it takes."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias, cast

import msgspec

from flows.adoption.candidates import AdoptionCandidate, LeftOut
from flows.adoption.pace import pace_of
from flows.adoption.record import AdoptedObject, recorded_adoption
from flows.adoption.request import AdoptionRequest
from flows.installation.disk_space import require_room_in_stores
from flows.installation.reachable import require_reachable
from flows.installation.wiring import Installation
from flows.submission.workspace import waits
from preservation.errors import NotFoundError, StoreFullError
from preservation.files.beneath import without_links_above
from preservation.model.digests import HexDigest
from preservation.model.identifiers import ObjectId, ObjectName, StoreName, VersionNumber
from preservation.model.paths import printable
from preservation.model.verdicts import Verdict
from preservation.policy.schema import Policy
from preservation.records import Records
from preservation.settling.terms import settling_terms
from preservation.survey.walk import TreeOutline


class PlannedObject(msgspec.Struct, frozen=True, tag="object"):
    """A candidate, the object that it becomes, and how it ended in an earlier run, where it is unchanged.

    It is taken up now where ``before`` is ``None``. ``latest`` is the version of the object that is kept here
    already, from wherever it came: then this becomes a further one, or is found to be the same.
    """

    candidate: AdoptionCandidate
    object_id: ObjectId
    before: AdoptedObject | None = None
    latest: VersionNumber | None = None


PlannedEntry: TypeAlias = PlannedObject | LeftOut

# A union is no type to mypy, but one to msgspec.
_PLANNED = cast("type[PlannedEntry]", PlannedEntry)


@dataclass(frozen=True, slots=True)
class PlanTotals:
    """How much is to be adopted, and what it takes. ``kept`` and ``refused`` objects ended so before.

    Those that are ``waiting`` for a person do so since an earlier run.

    ``seconds`` is how long it may take at the pace of what was preserved here last, ``None`` where nothing
    was; ``stores`` are those that each get ``bytes``. ``space`` says that they have not enough of it, or is
    empty; it is known of folder stores only.
    """

    objects: int
    files: int
    bytes: int
    kept: int
    refused: int
    left: int
    stores: tuple[StoreName, ...]
    seconds: float | None
    space: str
    waiting: int = 0


@dataclass(frozen=True, slots=True)
class AdoptionPlan:
    """What lies in an old holding; no payload was read for it. ``policy`` is the digest of its policy."""

    entries: Records[PlannedEntry]
    policy: HexDigest
    totals: PlanTotals

    def left_out(self) -> Iterator[LeftOut]:
        """Yield what is not adopted, and why."""
        return (entry for entry in self.entries if isinstance(entry, LeftOut))

    def objects(self) -> Iterator[PlannedObject]:
        """Yield what becomes objects, in the order of the names."""
        return (entry for entry in self.entries if isinstance(entry, PlannedObject))


def plan_adoption(request: AdoptionRequest, installation: Installation, scratch: Path) -> AdoptionPlan:
    """Go through what lies in the holding, and record in ``scratch`` what is to be done with it.

    Raises ``ConfigurationError`` where the policy of the collection cannot be had or asks for stores that
    there are not, ``UnavailableError`` where the place cannot be listed.
    """
    policy = installation.policy_of(request.collection)
    require_reachable(policy, installation.settings)
    entries = Records(scratch / "plan.jsonl.gz", _PLANNED)
    entries.write(_planned(request, installation, policy))
    return AdoptionPlan(entries, policy.reference.digest, _totals(entries, request, installation, policy))


def _planned(request: AdoptionRequest, installation: Installation, policy: Policy) -> Iterator[PlannedEntry]:
    names = set[str]()
    for entry in request.holding.candidates(settling_terms(policy)):
        if isinstance(entry, LeftOut):
            yield entry
        elif entry.object_name in names:
            yield _left_as_another(entry)
        else:
            names.add(entry.object_name)
            object_id = ObjectId(request.collection, ObjectName(entry.object_name))
            before = _before(entry, object_id, installation, policy)
            kept = None if before is not None else installation.catalogue.latest(object_id)
            latest = None if kept is None else kept.package.version
            yield PlannedObject(entry, object_id, before, latest)


def _left_as_another(entry: AdoptionCandidate) -> LeftOut:
    sentence = (
        f"it would become the object {printable(entry.object_name)}, as another one here does; adopt it by "
        "itself under another name: --one --as NAME."
    )
    return LeftOut(entry.place, sentence, refused=True)


def _before(
    candidate: AdoptionCandidate, object_id: ObjectId, installation: Installation, policy: Policy
) -> AdoptedObject | None:
    """Return how it ended, if that still counts: kept in the catalogue, or refused by this very policy.

    What waits by this very policy was asked, and is not asked again, nor where a person refused it.
    """
    found = recorded_adoption(installation.settings.state, object_id)
    if found is None or not found.is_of(candidate):
        return None
    if found.package is None and found.policy != policy.reference.digest:
        return None
    if found.verdict is Verdict.WAITING:
        return _answered(found, candidate, object_id, installation)
    if found.package is None:
        return found
    try:
        installation.catalogue.package(found.package)
    except NotFoundError:
        return None
    return found


def _answered(
    waited: AdoptedObject, candidate: AdoptionCandidate, object_id: ObjectId, installation: Installation
) -> AdoptedObject | None:
    """Return what waits still, or was refused meanwhile; ``None`` where it is to be taken up again."""
    drop = without_links_above(candidate.path)
    if waits(object_id, drop, installation.settings.processing):
        return waited
    ends = [
        end for end in installation.catalogue.history(object_id).conclusions if end.submission.drop == drop
    ]
    last = max(ends, key=lambda end: end.concluded_at, default=None)
    if last is None or last.verdict is not Verdict.REJECTED or last.concluded_at < waited.at:
        return None
    return msgspec.structs.replace(waited, verdict=last.verdict, sentence=last.summary, at=last.concluded_at)


def _totals(
    entries: Records[PlannedEntry], request: AdoptionRequest, installation: Installation, policy: Policy
) -> PlanTotals:
    objects = files = size = left = 0
    ended = Counter[Verdict]()
    for entry in entries:
        if isinstance(entry, LeftOut):
            left += 1
        elif entry.before is not None:
            ended[entry.before.verdict] += 1
        else:
            objects += 1
            files += entry.candidate.files
            size += entry.candidate.bytes
    pace = pace_of(installation.catalogue)
    return PlanTotals(
        objects,
        files,
        size,
        kept=ended[Verdict.STORED] + ended[Verdict.ALREADY_KEPT],
        refused=ended[Verdict.REJECTED],
        left=left,
        stores=installation.store_names_for(request.collection),
        seconds=None if pace is None else pace.seconds(files, size),
        space=_shortage(files, size, installation, policy),
        waiting=ended[Verdict.WAITING],
    )


def _shortage(files: int, size: int, installation: Installation, policy: Policy) -> str:
    """Return why the stores have no room for so much; empty where they have."""
    try:
        require_room_in_stores(TreeOutline(HexDigest(""), files, size), policy, installation.settings)
    except StoreFullError as error:
        return str(error)
    return ""
