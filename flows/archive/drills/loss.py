"""What the loss of a store would mean, on paper: by the catalogue and the policies; no store is read."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Final

from flows.archive.drills.record import drill_records
from flows.archive.pages.rendering import duration
from flows.installation.settings import Settings
from flows.installation.wiring import Installation, open_installation
from preservation.errors import ConfigurationError
from preservation.model.amounts import byte_size, count
from preservation.model.identifiers import CollectionName, StoreName
from preservation.model.paths import printable
from storage.ports.catalogue import Registration

_NAMED: Final = 20


@dataclass(slots=True)
class LostVersions:
    """Versions, how many of them there are and what lies in their own folders; ``named`` are the first."""

    versions: int = 0
    files: int = 0
    bytes: int = 0
    named: list[str] = field(default_factory=list)

    def add(self, kept: Registration, store: StoreName) -> None:
        """Count a version by its replica in ``store``."""
        mine = next(one for one in kept.replicas if one.store == store)
        self.versions += 1
        self.files += mine.files
        self.bytes += mine.bytes
        if len(self.named) < _NAMED:
            self.named.append(str(kept.package))

    @property
    def amount(self) -> str:
        """How much that is, in words."""
        return f"{count(self.versions, 'version')}, {count(self.files, 'file')}, {byte_size(self.bytes)}"


@dataclass(slots=True)
class StoreLoss:
    """What the loss of ``store`` would mean.

    ``gone`` have their only replica in it, ``gone_with_site`` all of theirs on its site. ``unmet`` counts by
    collection the versions that would have fewer replicas or sites than their policy asks for; ``unknown``
    are collections whose policy cannot be read. ``to_copy`` is what another store has and a new one needs;
    ``seconds`` to read that from the others at the rate of their drills, ``None`` where there was none.
    """

    store: StoreName
    site: str
    held: LostVersions = field(default_factory=LostVersions)
    gone: LostVersions = field(default_factory=LostVersions)
    gone_with_site: LostVersions = field(default_factory=LostVersions)
    to_copy: LostVersions = field(default_factory=LostVersions)
    unmet: Counter[CollectionName] = field(default_factory=Counter)
    unknown: set[CollectionName] = field(default_factory=set)
    seconds: float | None = None

    @property
    def fields(self) -> dict[str, object]:
        """What a JSON line has."""
        amounts = {
            name: {"versions": of.versions, "files": of.files, "bytes": of.bytes, "named": of.named}
            for name, of in (
                ("held", self.held),
                ("gone", self.gone),
                ("gone_with_site", self.gone_with_site),
                ("to_copy", self.to_copy),
            )
        }
        unmet = {"unmet": dict(self.unmet), "unknown": sorted(self.unknown)}
        return {"store": self.store, "site": self.site, **amounts, **unmet, "seconds": self.seconds}

    @property
    def sentences(self) -> list[str]:
        """All of it, for people."""
        said = [f"On paper, by the catalogue: the loss of store {self.store}, which has {self.held.amount}."]
        said += _of_gone(self.gone, f"have their only replica in store {self.store} and would be gone")
        if not self.gone.versions:
            said.append("Nothing would be gone: each version has a replica in another store.")
        if self.gone_with_site.versions > self.gone.versions:
            said += _of_gone(
                self.gone_with_site, f"have all replicas on its site, {printable(self.site)}: lost with that"
            )
        for collection, versions in sorted(self.unmet.items()):
            said.append(
                f"{count(versions, 'version')} of {collection} would have fewer replicas or sites than its "
                "policy asks for."
            )
        said += [
            f"{one}: its policy cannot be read; what it asks for is not known."
            for one in sorted(self.unknown)
        ]
        said.append(f"To fill a new store: {self.to_copy.amount} from the others.")
        if self.seconds is not None:
            said.append(
                f"To read that takes about {duration(self.seconds)}, at the rate of the drills of the other "
                "stores; to write it and read it back comes on top."
            )
        elif self.to_copy.bytes:
            said.append("How long that takes is not known: no other store was drilled yet (muniment drill).")
        return said


def _of_gone(of: LostVersions, what: str) -> list[str]:
    if not of.versions:
        return []
    more = f" and {of.versions - len(of.named):,} more" if of.versions > len(of.named) else ""
    return [f"{of.amount} {what}: {', '.join(map(printable, of.named))}{more}"]


def store_loss(settings: Settings, store: StoreName) -> StoreLoss:
    """Return what the loss of ``store`` would mean; versions stream by, and only numbers are held.

    Raises ``ConfigurationError`` where there is no such store, ``StorageError`` where the database is away.
    """
    sites = {StoreName(one.name): one.site for one in settings.store}
    if store not in sites:
        raise ConfigurationError(
            f"there is no store {store!r}; configured in muniment.toml: {', '.join(settings.store_names)}"
        )
    loss = StoreLoss(store, sites[store])
    asked: dict[CollectionName, tuple[int, int] | None] = {}
    with open_installation(settings) as installation:
        for kept in installation.catalogue.packages(held_by=store):
            collection = kept.package.object.collection
            if collection not in asked:
                asked[collection] = _asked(installation, collection)
            _add(loss, kept, sites, asked[collection])
    loss.seconds = _seconds_to_read(loss, settings)
    return loss


def _add(
    loss: StoreLoss, kept: Registration, sites: dict[StoreName, str], asked: tuple[int, int] | None
) -> None:
    # What lies in a store that is configured no more is not known to be there.
    left = {one.store for one in kept.replicas if one.store in sites} - {loss.store}
    places = {sites[store] for store in left}
    loss.held.add(kept, loss.store)
    (loss.to_copy if left else loss.gone).add(kept, loss.store)
    if not places - {loss.site}:
        loss.gone_with_site.add(kept, loss.store)
    collection = kept.package.object.collection
    if asked is None:
        loss.unknown.add(collection)
    elif len(left) < asked[0] or len(places) < asked[1]:
        loss.unmet[collection] += 1


def _asked(installation: Installation, collection: CollectionName) -> tuple[int, int] | None:
    """Return how many replicas and sites the policy asks for; ``None`` where it cannot be read."""
    try:
        terms = installation.policy_of(collection).terms.replication
    except ConfigurationError:
        return None
    return terms.copies, terms.sites


def _seconds_to_read(loss: StoreLoss, settings: Settings) -> float | None:
    drilled = [
        one
        for record in drill_records(settings)
        for one in record.replicas
        if one.store != loss.store and one.verdict.is_whole and one.bytes
    ]
    read = sum(one.bytes for one in drilled)
    return loss.to_copy.bytes * sum(one.seconds for one in drilled) / read if read else None
