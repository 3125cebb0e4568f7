"""Whether what is kept already is there: a green answer needs a look into the stores."""

from dataclasses import replace
from typing import Protocol

from flows.alarms.alarms import raise_alarms
from flows.alarms.occasions import integrity_alarm
from flows.installation.wiring import now
from flows.submission.stages.lacking import lacking_issue, lacking_sentence
from flows.submission.stages.ports import HasCatalogue, HasJournal, HasSettings, HasStores
from flows.submission.stages.stage import end
from flows.submission.workspace import DoubtedVersion, LackingStore, Workspace
from preservation.model.amounts import count
from preservation.model.identifiers import PackageId
from preservation.model.issues import Issue, Severity
from preservation.model.verdicts import Verdict
from storage.ports.stores import Store
from storage.presence import KEPT_VERSION_UNSOUND, Presence, presence

_READ_BACK_UP_TO = 1 << 30
"""A version of so many bytes is read back whole before it is called kept; of a larger one, the tag files."""


class PresencePorts(HasSettings, HasCatalogue, HasJournal, HasStores, Protocol):
    """What a look at a kept version asks of an installation."""


def end_if_there(workspace: Workspace, ports: PresencePorts, package: PackageId) -> DoubtedVersion | None:
    """End the submission as already kept, where as many replicas are there as the policy asks for.

    Else return the version with what is wrong with it, and raise alarms. Raises ``StorageError`` where a
    store does not answer: what it has is then not known.
    """
    stores = ports.stores_for(workspace.policy)
    threads = ports.settings.work.threads
    found = presence(
        ports.catalogue, ports.journal, package, stores, most_bytes=_READ_BACK_UP_TO, threads=threads
    )
    if not _is_kept(found, stores, workspace):
        _raise_alarms(found, ports)
        return DoubtedVersion(package, found.issues or (_too_few(found, workspace),))
    kept = ports.catalogue.package(package)
    replicas = tuple(one for one in kept.replicas if one.store in found.sound)
    last_read = min(one.verified_at for one in replicas)
    looked_at = f"tag files read, sizes compared. Bytes last read back on {last_read:%d %B %Y}."
    if found.is_read:
        looked_at = "every byte read back, and it matched."
        replicas = tuple(replace(one, verified_at=now()) for one in replicas)
    having = {replica.store for replica in kept.replicas}
    lacking = [
        LackingStore(store.name, "it has no replica of this version")
        for store in stores
        if store.name not in having
    ]
    end(
        workspace,
        Verdict.ALREADY_KEPT,
        f"Kept as {package} since {kept.registered_at:%d %B %Y}; nothing was written. Just now in "
        f"{' and '.join(found.sound)}: {looked_at}" + lacking_sentence(lacking),
        issues=map(lacking_issue, lacking),
        lacking=tuple(one.store for one in lacking),
        package=package,
        replicas=replicas,
    )
    return None


def _is_kept(found: Presence, stores: tuple[Store, ...], workspace: Workspace) -> bool:
    asked = workspace.policy.terms.replication
    sites = {store.place.site for store in stores if store.name in found.sound}
    return not found.faults and len(found.sound) >= asked.copies and len(sites) >= asked.sites


def _too_few(found: Presence, workspace: Workspace) -> Issue:
    """Return why a version is kept anew whose replicas are sound, and fewer than the policy asks for."""
    asked = workspace.policy.terms.replication
    return Issue(
        KEPT_VERSION_UNSOUND,
        Severity.WARNING,
        f"{found.package} is sound in {count(len(found.sound), 'store')} that the policy names, and it asks "
        f"for {count(asked.copies, 'store')} on {count(asked.sites, 'site')}. The drop has the same content, "
        "and is kept anew.",
        None,
        "Give the stores what they lack: muniment replicate --missing",
    )


def _raise_alarms(found: Presence, ports: PresencePorts) -> None:
    at = now()
    about_stores = (
        integrity_alarm(f"store {store}", f"{fault}.", at) for store, fault in found.faults.items()
    )
    raise_alarms(ports.settings, about_stores)
    about_records = (
        integrity_alarm(f"the records of {found.package}", f"{one}.", at) for one in found.doubts
    )
    raise_alarms(ports.settings, about_records)
