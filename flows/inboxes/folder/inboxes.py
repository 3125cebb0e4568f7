"""The inboxes that there are, and their terms; a fault of one does not affect the others."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from flows.installation.areas import Area, StrayInInbox, inboxes_in
from flows.installation.settings import Settings
from preservation.errors import ConfigurationError, StorageError
from preservation.model.identifiers import CollectionName
from preservation.policy.load import load
from preservation.settling.terms import SettlingTerms, settling_terms


@dataclass(frozen=True, slots=True)
class Inbox:
    """The inbox of a collection in an area, and when a drop in it is complete."""

    area: Area
    collection: CollectionName
    terms: SettlingTerms

    @property
    def path(self) -> Path:
        """The folder."""
        return self.area.inbox / self.collection


@dataclass(frozen=True, slots=True)
class InboxFault:
    """An area or inbox that is not watched now; ``sentence`` says why, and what to do."""

    path: Path
    sentence: str


def inboxes_of(settings: Settings) -> Iterator[Inbox | StrayInInbox | InboxFault]:
    """Yield every inbox there is; make those of configured collections where they are missing.

    A policy is read again when its file was changed. Raises nothing.
    """
    for area in settings.areas:
        try:
            area.make_folders()
            area.make_inboxes(CollectionName(collection.name) for collection in settings.collection)
            found = list(inboxes_in(area, settings.refusal_of))
        except (StorageError, OSError) as error:
            yield InboxFault(area.root, str(error))
            continue
        for inbox in found:
            if isinstance(inbox, StrayInInbox):
                yield inbox
                continue
            try:
                terms = terms_of(settings.policy_of(inbox))
            except ConfigurationError as error:
                yield InboxFault(area.inbox / inbox, f"its policy is unsound: {error}")
            else:
                yield Inbox(area, inbox, terms)


def terms_of(policy: Path) -> SettlingTerms:
    """Return when a drop is complete; the policy is read again when its file was changed.

    Raises ``ConfigurationError``.
    """
    try:
        found = policy.stat()
    except OSError:
        # Loading it reports what is wrong with it.
        return settling_terms(load(policy))
    return _terms(policy, found.st_mtime_ns, found.st_size)


@lru_cache(maxsize=256)
def _terms(policy: Path, _changed: int, _size: int) -> SettlingTerms:
    return settling_terms(load(policy))
