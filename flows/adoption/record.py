"""What was adopted already, by object: what lies unchanged where it lay is not read again.

Nothing relies on it. Without it everything is surveyed again, and found to be kept already.
"""

from datetime import datetime
from pathlib import Path

import msgspec

from flows.adoption.candidates import AdoptionCandidate
from preservation.files.durable import written_whole
from preservation.model.digests import HexDigest
from preservation.model.identifiers import ObjectId, PackageId
from preservation.model.verdicts import Verdict

_FOLDER = "adopted"


class AdoptedObject(msgspec.Struct, frozen=True):
    """How an old holding ended: where it lay, the signature of its tree, and under which policy."""

    place: str
    signature: HexDigest
    policy: HexDigest
    verdict: Verdict
    sentence: str
    at: datetime
    package: PackageId | None = None

    def is_of(self, candidate: AdoptionCandidate) -> bool:
        """Return whether it is of that candidate as it is now, by its names, sizes and times."""
        return (self.place, self.signature) == (candidate.place, candidate.signature)


def recorded_adoption(state: Path, object_id: ObjectId) -> AdoptedObject | None:
    """Return what is recorded of an object; ``None`` where nothing is, or it cannot be read."""
    try:
        return msgspec.json.decode(_place(state, object_id).read_bytes(), type=AdoptedObject)
    except (OSError, msgspec.MsgspecError):
        return None


def record_adoption(state: Path, object_id: ObjectId, adopted: AdoptedObject) -> None:
    """Record how an object ended. Raises ``OSError``."""
    place = _place(state, object_id)
    place.parent.mkdir(parents=True, exist_ok=True)
    with written_whole(place, durable=False) as sink:
        sink.write(msgspec.json.encode(adopted))


def _place(state: Path, object_id: ObjectId) -> Path:
    return state / _FOLDER / object_id.collection / object_id.name
