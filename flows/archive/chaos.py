"""Rehearsals: damage a store that is there to be damaged, and say what was done to what."""

from collections.abc import Iterator
from dataclasses import dataclass

from flows.installation.settings import Settings
from flows.installation.wiring import open_installation
from preservation.model.identifiers import StoreName
from storage.injuries import Injury, choose_injuries, injure


@dataclass(frozen=True, slots=True)
class DoneInjury:
    """An injury, and what was done, as the end of a sentence; empty in a dry run."""

    injury: Injury
    what: str


def rehearse(
    settings: Settings, store: StoreName, seed: int, most: int, *, dry_run: bool
) -> Iterator[DoneInjury]:
    """Do up to ``most`` injuries to packages in a store; the same ones for the same ``seed`` and content.

    Raises ``ConfigurationError`` where the store is not there to be damaged, ``StorageError``.
    """
    with open_installation(settings) as installation:
        injurer = installation.injurer(store)
        [target] = [one for one in installation.stores if one.name == store]
        for injury in choose_injuries(target, seed, most):
            yield DoneInjury(injury, "" if dry_run else injure(target, injurer, injury))
