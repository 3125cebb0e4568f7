"""Checks that there are the stores that a policy asks for, before a byte is read."""

from flows.installation.settings import Settings
from preservation.errors import ConfigurationError
from preservation.model.amounts import count
from preservation.policy.schema import Policy


def require_reachable(policy: Policy, settings: Settings) -> None:
    """Raise ``ConfigurationError`` where the policy asks for stores, copies or sites that do not exist."""
    asked = policy.terms.replication
    unknown = sorted(set(asked.stores) - set(settings.store_names))
    if unknown:
        raise ConfigurationError(
            f"policy {policy.terms.policy!r} names stores that are not configured: "
            f"{', '.join(unknown)}; add them to muniment.toml, or remove them from its [replication]"
        )
    stores = [
        store
        for store in settings.store
        if not store.retired and (not asked.stores or store.name in asked.stores)
    ]
    sites = {store.site for store in stores}
    if len(stores) < asked.copies or len(sites) < asked.sites:
        raise ConfigurationError(
            f"policy {policy.terms.policy!r} asks for {count(asked.copies, 'copy', 'copies')} "
            f"on {count(asked.sites, 'site')}, and there are {count(len(stores), 'store')} "
            f"on {count(len(sites), 'site')}; add stores to muniment.toml, or have the policy ask for fewer"
        )
