"""What derivatives are, by the engines that identified the originals: an encoder's own word is no finding."""

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import msgspec

from preservation.identification.caged import CagedIdentifier
from preservation.model.derivatives import Derivative, RefusedDerivative
from preservation.model.paths import RelativePath
from preservation.normalization.wire import MADE_AS
from preservation.pool import in_portions
from preservation.rasters.families import family_of

_BATCH_FILES = 256
_BATCH_BYTES = 128 << 20


@dataclass(frozen=True, slots=True)
class _DerivativeAt:
    path: RelativePath
    size: int


def identified(
    outcomes: Iterable[Derivative | RefusedDerivative], workspace: Path, identifier: CagedIdentifier
) -> Iterator[Derivative | RefusedDerivative]:
    """Yield the outcomes of normalization in their order, each derivative with what the engines say of it.

    An image that is not what it was made to be is refused. Raises what ``CagedIdentifier.identify`` raises.
    """
    asked: deque[list[Derivative | RefusedDerivative]] = deque()

    def batches() -> Iterator[list[_DerivativeAt]]:
        for batch in in_portions(outcomes, _size, most=_BATCH_FILES, enough=_BATCH_BYTES):
            asked.append(batch)
            yield [
                _DerivativeAt(RelativePath(f"{one.purpose.value}/{one.path}"), one.size)
                for one in batch
                if isinstance(one, Derivative)
            ]

    for found in identifier.identify(workspace, batches()):
        each = iter(found)
        for one in asked.popleft():
            if isinstance(one, Derivative):
                yield _as_meant(msgspec.structs.replace(one, identification=next(each)), workspace)
            else:
                yield one


def _as_meant(made: Derivative, workspace: Path) -> Derivative | RefusedDerivative:
    """Refuse, and remove, an image that was identified as another format than it was made to be."""
    meant, found = MADE_AS.get(made.migration.name), made.identification
    if meant is None or found is None or family_of(made.path, found) is meant:
        return made
    (workspace / made.purpose / made.path).unlink()
    reason = f"it was made, and what was written is identified as {found.name}"
    return RefusedDerivative(made.source, made.purpose, made.migration, reason, made.proofs)


def _size(outcome: Derivative | RefusedDerivative) -> int:
    return outcome.size if isinstance(outcome, Derivative) else 0
