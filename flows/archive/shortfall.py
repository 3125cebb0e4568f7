"""Whether a package is in as many stores, on as many sites, as the policy of its collection asks for."""

from collections import defaultdict
from collections.abc import Collection, Mapping
from functools import cached_property

from flows.archive.fill_outcomes import Shortfall
from flows.installation.wiring import Installation
from preservation.model.identifiers import CollectionName, PackageId, StoreName
from preservation.policy.schema import Replication
from storage.ports.catalogue import Registration


class Shortfalls:
    """Compares what packages have with what the policies of now ask for; what is damaged does not count."""

    def __init__(self, installation: Installation) -> None:
        self._installation = installation
        self._sites = {StoreName(store.name): store.site for store in installation.settings.store}
        self._asked: dict[CollectionName, Replication] = {}

    def by_catalogue(self, kept: Registration, without: StoreName | None = None) -> Shortfall | None:
        """Compare the replicas that the catalogue has in configured stores, one store left out.

        Raises ``ConfigurationError`` where the collection has no policy that can be read.
        """
        return self.of(kept, [one.store for one in kept.replicas if one.store != without])

    def of(self, kept: Registration, having: Collection[StoreName]) -> Shortfall | None:
        """Compare what the stores ``having`` are with what the policy asks for; ``None``: it is enough."""
        collection = kept.package.object.collection
        if collection not in self._asked:
            self._asked[collection] = self._installation.policy_of(collection).terms.replication
        asked = self._asked[collection]
        damaged = self._damaged.get(kept.package, set())
        stores = [name for name in having if name in self._sites and name not in damaged]
        sites = {self._sites[name] for name in stores}
        if len(stores) >= asked.copies and len(sites) >= asked.sites:
            return None
        known = tuple(sorted(damaged & {*having}))
        return Shortfall(kept.package, len(stores), asked.copies, len(sites), asked.sites, known)

    @cached_property
    def _damaged(self) -> Mapping[PackageId, set[StoreName]]:
        """The stores in which damage of a package is open, as it is when this is asked first."""
        found: defaultdict[PackageId, set[StoreName]] = defaultdict(set)
        for one in self._installation.audits.damages():
            found[one.damage.package].add(one.damage.store)
        return found
