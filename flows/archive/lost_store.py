"""Declares a store lost for good: its replicas leave the catalogue, with what is lost named first."""

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime
from uuid import uuid4

from flows.archive.fill import filling
from flows.archive.journal_seal import seal
from flows.archive.shortfall import Shortfalls
from flows.installation.settings import Settings
from flows.installation.wiring import Installation, now, open_installation
from preservation.errors import ConfigurationError, IntegrityError, PreservationError, UnavailableError
from preservation.model.amounts import count
from preservation.model.events import Agent, AgentKind, Event, EventOutcome, EventType, event_id
from preservation.model.identifiers import PackageId, StoreName, SubmissionId


@dataclass(frozen=True, slots=True)
class StoreGivenUp:
    """A store that is to be given up: who says so, and why.

    ``even_the_last``: also where it has the only replica of a package. ``dry_run``: nothing is changed.
    """

    store: StoreName
    by: str
    because: str
    even_the_last: bool = False
    dry_run: bool = False


@dataclass(frozen=True, slots=True)
class LostReplica:
    """A package that has less than its policy asks for without the store, or nothing: then ``is_last``."""

    package: PackageId
    sentence: str
    is_last: bool


@dataclass(frozen=True, slots=True)
class LostStore:
    """A store that was given up, or would be: how many replicas it had, and of how many the only one."""

    store: StoreName
    replicas: int
    last: int


def lose_store(settings: Settings, loss: StoreGivenUp) -> Iterator[LostReplica | LostStore]:
    """Yield what the loss of the store means for packages, then strike it from the catalogue at once.

    The journal has an event of each replica, by the person who gave the store up. Nothing in the store is
    touched.

    Raises:
        ConfigurationError: Neither settings nor catalogue know such a store.
        UnavailableError: The store is there, or packages are copied between stores now.
        IntegrityError: It has the only replica of a package, and ``even_the_last`` was not said.
        StorageError: The database does not answer.
    """
    with ExitStack() as opened:
        if not loss.dry_run:
            opened.enter_context(filling(settings))
        installation = opened.enter_context(open_installation(settings))
        _require_known(installation, loss.store)
        if not loss.dry_run:
            _require_away(installation, loss.store)
        replicas = last = 0
        shortfalls = Shortfalls(installation)
        for kept in installation.catalogue.packages(held_by=loss.store):
            replicas += 1
            if len(kept.replicas) == 1:
                last += 1
                sentence = f"store {loss.store} has the only replica: with it, nothing is left of the package"
                yield LostReplica(kept.package, sentence, is_last=True)
                continue
            try:
                found = shortfalls.by_catalogue(kept, without=loss.store)
            except ConfigurationError as error:
                yield LostReplica(kept.package, str(error), is_last=False)
                continue
            if found is not None:
                yield LostReplica(kept.package, found.sentence, is_last=False)
        if last and not (loss.even_the_last or loss.dry_run):
            raise IntegrityError(
                f"store {loss.store}: it has the only replica of {count(last, 'package')}, named above; "
                "nothing was struck from the catalogue. Try to read its disk first; if that is hopeless, run "
                "it again with --even-the-last"
            )
        if not loss.dry_run:
            strike(installation, loss, replicas)
            seal(installation)
        yield LostStore(loss.store, replicas, last)


def removed_event(package: PackageId, store: StoreName, at: datetime, agent: Agent, note: str) -> Event:
    """Return the event that a replica is no longer one of those that are kept; ``note`` says why."""
    return Event(
        event_id(SubmissionId(uuid4().hex), EventType.DELETION, str(package), store),
        EventType.DELETION,
        at,
        str(package),
        EventOutcome.SUCCESS,
        f"the replica of {package} in store {store} struck from the catalogue",
        note,
        agent,
    )


def strike(installation: Installation, loss: StoreGivenUp, replicas: int) -> None:
    """Strike the store from the catalogue, of which it has so many replicas; each has an event.

    Raises as ``Catalogue.forget_store``.
    """
    at, person = now(), Agent(AgentKind.PERSON, loss.by)
    because = f"the store is lost: {loss.because}"
    installation.catalogue.forget_store(
        loss.store,
        replicas,
        at=at,
        by=loss.by,
        because=because,
        event_of=lambda package: removed_event(package, loss.store, at, person, because),
    )


def _require_known(installation: Installation, store: StoreName) -> None:
    catalogue = installation.catalogue
    if store in {*installation.settings.store_names, *catalogue.store_identities()}:
        return
    if next(catalogue.packages(held_by=store), None) is None:
        raise ConfigurationError(
            f"there is no store {store}; there are: {', '.join(installation.settings.store_names)}"
        )


def _require_away(installation: Installation, store: StoreName) -> None:
    if store not in installation.settings.store_names:
        return
    try:
        installation.reopened(store).check()
    except (PreservationError, OSError):
        return
    raise UnavailableError(
        f"store {store}: it is there, with its identity, so it is not lost. What is gone from it is written "
        f"anew by: muniment replicate --missing; to give it up: muniment stores evacuate {store}. If it "
        "cannot be used any more, unmount it, or take its [[store]] out of muniment.toml, and run this again"
    )
