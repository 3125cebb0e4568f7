"""What the stages ask of an installation, port by port: each stage names those that it needs, and no more."""

from typing import Protocol

from flows.installation.settings import Settings
from preservation.policy.schema import Policy
from preservation.tools.workers import CagedWorkers
from storage.ports.catalogue import Catalogue
from storage.ports.journal import Journal
from storage.ports.orders import Orders
from storage.ports.stores import Store


class HasSettings(Protocol):
    """It has settings."""

    @property
    def settings(self) -> Settings:
        """The settings."""


class HasCatalogue(Protocol):
    """It has a catalogue."""

    @property
    def catalogue(self) -> Catalogue:
        """The index of what is kept."""


class HasJournal(Protocol):
    """It has a journal."""

    @property
    def journal(self) -> Journal:
        """The append-only record of every act."""


class HasOrders(Protocol):
    """It has orders."""

    @property
    def orders(self) -> Orders:
        """What was ordered."""

    @property
    def throwaway(self) -> bool:
        """Whether nothing can be ordered in it."""


class HasStores(Protocol):
    """It has stores."""

    def stores_for(self, policy: Policy) -> tuple[Store, ...]:
        """Return the stores that the policy asks for."""


class HasCagedWorkers(Protocol):
    """It has caged workers."""

    def caged_workers(self, preload: tuple[str, ...]) -> CagedWorkers:
        """Return caged processes that have ``preload`` imported."""


class HasIdentifyingWorkers(Protocol):
    """It has caged workers that identify files."""

    @property
    def identifying_workers(self) -> CagedWorkers:
        """The caged processes of the identification engines."""
