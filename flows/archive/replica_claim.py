"""The claim on one replica: whoever reads all of it, or writes it, has it, and nobody else does meanwhile.

It stands in the database, so it holds between machines, too. Audits claim what they read by the same rows.
"""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from threading import Event, Thread
from uuid import uuid4

import msgspec

from flows.installation.processes import Process, this_process
from flows.installation.wiring import now
from preservation.errors import PreservationError
from preservation.model.identifiers import PackageId, StoreName
from storage.audits.work import LEASE
from storage.ports.audits import AuditedReplica, Audits, Claimant

_RENEWED = 60.0


def new_claimant() -> Claimant:
    """Return a claimant of this process: whoever finds its claim sees whether the process lives."""
    return Claimant(f"{uuid4().hex} {msgspec.json.encode(this_process()).decode()}")


def release_the_dead(audits: Audits) -> None:
    """End the claims of processes on this machine that were killed: theirs would last a while yet."""
    for claimant in audits.claimants():
        try:
            process = msgspec.json.decode(claimant.partition(" ")[2], type=Process)
        except msgspec.DecodeError:
            continue
        if process.is_dead:
            audits.release(claimant)


@contextmanager
def claimed_replica(audits: Audits, package: PackageId, store: StoreName) -> Iterator[AuditedReplica | None]:
    """Hold the claim on a replica while the context lasts; gives ``None`` where another run has it.

    Raises ``NotFoundError`` where the catalogue has no such replica, ``StorageError``.
    """
    claimant = new_claimant()
    replica = _claimed(audits, claimant, package, store)
    if replica is None:
        release_the_dead(audits)
        replica = _claimed(audits, claimant, package, store)
    if replica is None:
        yield None
        return
    try:
        with _renewed(audits, claimant, replica):
            yield replica
    finally:
        audits.release(claimant)


def in_use(package: PackageId, store: StoreName) -> str:
    """Return the sentence on a replica that another run has."""
    return (
        f"store {store}: another run reads or writes {package} there now, an audit, a repair or the filling "
        "of the store; run this again when that one has ended"
    )


def _claimed(
    audits: Audits, claimant: Claimant, package: PackageId, store: StoreName
) -> AuditedReplica | None:
    at = now()
    return audits.claim_package(claimant, package, store, at=at, until=at + LEASE)


@contextmanager
def _renewed(audits: Audits, claimant: Claimant, replica: AuditedReplica) -> Iterator[None]:
    """Renew the claim now and then: one large file may take longer to copy than a claim lasts."""
    ended = Event()

    def renew() -> None:
        while not ended.wait(_RENEWED):
            # A database that is away now is asked again: the claim lasts for many turns.
            with suppress(PreservationError):
                audits.reach(claimant, replica, now() + LEASE)

    thread = Thread(target=renew, name="replica-claim", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
