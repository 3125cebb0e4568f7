"""What an audit is asked for, at the command line and in the form."""

import math
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

from preservation.errors import ConfigurationError
from preservation.model.identifiers import CollectionName, ObjectId, StoreName, object_id_named
from preservation.policy.fixity import size_in_bytes

_PERCENT = re.compile(r"([0-9]{1,3}(?:\.[0-9]+)?) ?%")


class Selection(StrEnum):
    """Which replicas are read.

    *Due* are those that the policies want read by now, and the share of the day; *all* are all; of a *sample*
    only some files are read, each drawn by itself from all files of a store, or of a collection in it.
    """

    DUE = "due"
    ALL = "all"
    SAMPLE = "sample"


@dataclass(frozen=True, slots=True)
class AuditRequest:
    """An audit as it is asked for.

    Args:
        selection: Which replicas are read.
        collection: Only its objects.
        store: Only this store.
        object_id: Only this object.
        sample: How many files of each store, or of the collection in it, are drawn.
        seed: From which they are drawn; ``None`` for a new one.
        budget: So many bytes are read at most, in all stores together.
        money: Reading costs so much at most, in all stores together, by their prices.
        provider: What the providers of the stores state is compared; only what differs is read.
        shared_by: So many audits, begun together, share these limits and those of the day.
        before: Of *all*, those that were last read before that moment; ``None``: before the audit began.
    """

    selection: Selection = Selection.DUE
    collection: CollectionName | None = None
    store: StoreName | None = None
    object_id: ObjectId | None = None
    sample: int | None = None
    seed: int | None = None
    budget: int | None = None
    before: datetime | None = None
    money: float | None = None
    shared_by: int = 1
    provider: bool = False


def requested(  # noqa: PLR0913  the options of the verb, and the fields of the form
    *,
    object_name: str = "",
    collection: str = "",
    store: str = "",
    everything: bool = False,
    sample: int | None = None,
    confidence: str = "",
    damage: str = "",
    seed: int | None = None,
    budget: str = "",
    before: str = "",
    money: float | None = None,
    shared_by: int = 1,
    provider: bool = False,
) -> AuditRequest:
    """Return the audit that a person asks for. Raises ``ConfigurationError`` where it makes no sense."""
    if bool(confidence) != bool(damage):
        raise ConfigurationError("confidence and damage belong together; give both, as in 99% and 0.01%")
    if confidence and sample is not None:
        raise ConfigurationError("a sample has a size, or confidence and damage, which give one; not both")
    if confidence:
        sample = sample_size(_share_of(confidence), _share_of(damage))
    if sample is not None and (everything or object_name or before):
        raise ConfigurationError(
            "a sample is drawn from all of a store, or of a collection in it; name no object nor moment"
        )
    if provider and (sample is not None or before):
        raise ConfigurationError("providers are asked about whole replicas; name no sample and no moment")
    if sample is not None and money is not None:
        raise ConfigurationError("a sample has a size, and no limit of money; name fewer files")
    selection = Selection.ALL if everything or object_name or before else Selection.DUE
    return AuditRequest(
        Selection.SAMPLE if sample is not None else selection,
        CollectionName(collection) if collection else None,
        StoreName(store) if store else None,
        object_id_named(object_name) if object_name else None,
        sample,
        seed,
        size_in_bytes(budget) if budget else None,
        _moment_of(before) if before else None,
        money,
        shared_by,
        provider,
    )


def sample_size(confidence: float, damage: float) -> int:
    """Return how many files have to be drawn, each from all, so as to meet damage with that confidence.

    Where a share ``damage`` of all files is damaged, ``n`` independent draws miss all of it with the
    probability ``(1 - damage) ** n``; that is to be at most ``1 - confidence``. Both are between 0 and 1.
    """
    if not (0 < confidence < 1 and 0 < damage < 1):
        raise ConfigurationError(
            "--confidence and --damage are shares between 0 and 100 %, as in 99% and 0.01%; give them so"
        )
    return math.ceil(math.log1p(-confidence) / math.log1p(-damage))


def _moment_of(text: str) -> datetime:
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise ConfigurationError(
            f"{text[:40]!r} is no moment; write it as in 2026-11-30 or 2026-11-30T18:00"
        ) from None
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)


def _share_of(text: str) -> float:
    found = _PERCENT.fullmatch(text)
    if found is None:
        raise ConfigurationError(f"{text[:40]!r} is no share; write it as in 99% or 0.01%")
    return float(found[1]) / 100
