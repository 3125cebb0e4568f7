"""What a source holds that no target here takes, by the names that a policy accepts losses under."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from preservation.model.paths import printable

REDUCED_COPY: Final = "tiff:reduced-copy"
"""A page, or a picture below one, that is another in fewer pixels."""

_DETAILS_NAMED = 3
_LONGEST_DETAIL = 80


class Concern(StrEnum):
    """What a loss is a loss of, and so which proof it breaks beside that of the metadata."""

    METADATA = "metadata"
    COLOUR = "colour"
    PICTURE = "picture"


@dataclass(frozen=True, slots=True)
class Loss:
    """Members of one name that are left behind: ``png:tEXt``. ``details`` are of some of them."""

    name: str
    concern: Concern = Concern.METADATA
    details: tuple[str, ...] = ()
    count: int = 1

    def __str__(self) -> str:
        times = f"{self.count:,} times" if self.count > 1 else ""
        words = "; ".join(part for part in (times, *self.details) if part)
        return f"{self.name} ({words})" if words else self.name

    def is_accepted(self, accepted: Collection[str]) -> bool:
        """Say whether it is named there, itself or by what stands before a dot in its name."""
        return any(self.name == name or self.name.startswith(f"{name}.") for name in accepted)


class LossLedger:
    """Losses of one file, gathered by name: hostile files have millions of members."""

    def __init__(self, losses: Iterable[Loss] = ()) -> None:
        self._found: dict[tuple[str, Concern], Loss] = {}
        for loss in losses:
            self._add(loss)

    def lose(self, name: str, detail: str = "", concern: Concern = Concern.METADATA) -> None:
        """Note one member that is left behind; ``detail`` may be in the words of the file."""
        self._add(Loss(name, concern, (printable(detail[:_LONGEST_DETAIL]),) if detail else ()))

    @property
    def all(self) -> tuple[Loss, ...]:
        """The losses, in the order of the file."""
        return tuple(self._found.values())

    def _add(self, loss: Loss) -> None:
        key = loss.name, loss.concern
        before = self._found.get(key)
        if before is None:
            self._found[key] = loss
            return
        details = tuple(dict.fromkeys((*before.details, *loss.details)))[:_DETAILS_NAMED]
        self._found[key] = Loss(loss.name, loss.concern, details, before.count + loss.count)
