"""Sealing the journal: its head is signed, remembered, witnessed, time-stamped; stores get what they lack."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial

from flows.alarms.alarms import raise_alarms
from flows.alarms.occasions import integrity_alarm
from flows.archive.journal_given import given_before, last_signed, record_given
from flows.archive.journal_stamps import stamp_newest
from flows.installation.disk_faults import translated_faults
from flows.installation.job_records import recorded_run
from flows.installation.jobs import Job
from flows.installation.log import LOG
from flows.installation.scratch import scratch_folder
from flows.installation.settings import Settings
from flows.installation.wiring import SOFTWARE, Installation, now, open_installation
from preservation.errors import IntegrityError, StorageError
from preservation.model.amounts import count
from preservation.model.events import Event, EventOutcome, EventType, event_id
from preservation.model.identifiers import StoreName, SubmissionId
from storage.guide.give import give_guide
from storage.journal.comparing import require_in_chain
from storage.journal.exported import FOLDER
from storage.journal.keys import public_keys
from storage.journal.sealing import AgreeingStore, Published, agreeing, publish, sample
from storage.journal.segments import Segment, sign_head
from storage.journal.time_stamps import TimeStamp
from storage.journal.witness import bear_witness, remember, remembered, require_memory
from storage.ports.journal import SignedHead


@dataclass(slots=True)
class SealedJournal:
    """What sealing did. ``signed`` is the newest head; ``None`` where nothing was signed.

    ``stamps`` are its time stamps. ``repairs`` are sentences about what was lost or damaged and is whole
    again; ``absences`` about stores, witnesses and time stamping authorities that could not be reached.
    """

    signed: SignedHead | None = None
    stamps: tuple[TimeStamp, ...] = ()
    repairs: list[str] = field(default_factory=list)
    absences: list[str] = field(default_factory=list)


def seal_as_job(settings: Settings, give_notice: Callable[[SignedHead], object]) -> SealedJournal:
    """Seal the journal as a run of the job, reading all that the stores have of it.

    ``give_notice`` is called with the newest signed head where ``[witness] channels`` asks for it. Where a
    store, a witness or a time stamping authority could not be reached, the job counts as failed. Raises as
    ``seal`` does.
    """
    with recorded_run(Job.SEAL_JOURNAL, settings) as failed, open_installation(settings) as installation:
        sealed = seal(installation, thorough=True)
        if sealed.absences:
            failed(" ".join(sealed.absences))
        if settings.witness.channels and sealed.signed is not None:
            give_notice(sealed.signed)
        return sealed


def seal(installation: Installation, *, thorough: bool = False) -> SealedJournal:
    """Sign the journal's head, and give every store what it lacks of the journal or has damaged.

    A store that is away gets the segments it lacks when it is back; where all are away, nothing is signed.

    Args:
        installation: The open installation.
        thorough: Whether everything that the stores have is read again, and not only a sample of it, and the
            head is time-stamped.

    Raises:
        IntegrityError: The journal is broken, nothing vouches for it, or a store or the memory beside the key
            has another one: nothing is signed. Or a store gave back other bytes than it was given just now:
            the others were given theirs.
        ConfigurationError: The key is missing.
    """
    journal, settings = installation.journal, installation.settings
    keys = public_keys(settings.keys)
    signing_key = installation.signing_key
    sealed = SealedJournal()
    # Read before the stores are: what another process signs meanwhile, it gives them meanwhile.
    names = [store.name for store in installation.stores]
    given: Mapping[StoreName, int] = dict.fromkeys(names, last_signed(journal))
    with _absence_noted(sealed, "all that the stores lack of the journal counts as lost"):
        given = given_before(settings.state, names, journal)
    targets: list[AgreeingStore] = []
    for store in installation.stores:
        with _absence_noted(sealed, f"store {store.name}: the journal was not sealed into it"):
            targets.append(agreeing(journal, keys, store))
    if not targets:
        return sealed
    require_memory(journal, settings.keys)
    events: list[Event] = []
    lost = [head for kept in remembered(settings.keys) for head in require_in_chain(journal, keys, kept)]
    lost += [head for target in targets for head in target.lost]
    try:
        if put_back := journal.put_back_heads(lost):
            _add_repair(sealed, events, "the database", _heads_sentence(put_back))
        read = sample(journal, thorough=thorough)
        sealed.signed = sign_head(journal, signing_key, now())
        if sealed.signed is not None:
            with _absence_noted(sealed, "the newest signed head is not remembered"):
                remember(settings.keys, sealed.signed)
        other = _published(installation, targets, read, given, sealed, events)
        if sealed.signed is not None:
            for path in settings.witness_files:
                with _absence_noted(sealed, "the newest signed head has no witness"):
                    bear_witness(path, sealed.signed)
        if thorough:
            for target in targets:
                with _absence_noted(sealed, f"store {target.store.name}: it has not the newest README.txt"):
                    give_guide(target.store)
            sealed.stamps = stamp_newest(
                installation,
                [target.store for target in targets],
                partial(_absence_noted, sealed),
                partial(_add_repair, sealed, events),
            )
        if other is not None:
            raise other
    finally:
        # Also where a later step fails: from now on what was mended looks sound.
        journal.append(events)
        raise_alarms(settings, (integrity_alarm("the journal", one, now()) for one in sealed.repairs))
    return sealed


def _published(
    installation: Installation,
    targets: Sequence[AgreeingStore],
    read: Collection[Segment],
    given: Mapping[StoreName, int],
    sealed: SealedJournal,
    events: list[Event],
) -> IntegrityError | None:
    """Give each store what it lacks; return the first error about what one has that is not this journal.

    Repairs of what each was ``given`` before, up to that entry, are collected in ``sealed`` and ``events``.
    """
    settings = installation.settings
    first: IntegrityError | None = None
    for target in targets:
        store = target.store
        with (
            _absence_noted(sealed, f"store {store.name}: the journal was not sealed into it"),
            translated_faults(settings),
            scratch_folder(settings.state, "sealing") as scratch,
        ):
            try:
                published = publish(installation.journal, public_keys(settings.keys), target, scratch, read)
            except IntegrityError as error:
                # The other stores get theirs all the same.
                first = first or error
                continue
            if sentence := _repair_sentence(published, given.get(store.name, 0)):
                _add_repair(sealed, events, f"store {store.name}", sentence)
            with _absence_noted(sealed, f"what store {store.name} was given of the journal is not recorded"):
                record_given(settings.state, store.name, published.last)
    return first


def _heads_sentence(put_back: Sequence[SignedHead]) -> str:
    entries = ", ".join(str(signed.head.seq) for signed in put_back[:10])
    return f"had lost {count(len(put_back), 'signed head')} (entries {entries}), and has them again"


def _repair_sentence(published: Published, before: int) -> str:
    """Return what the store has again of the entries up to ``before``; an empty text where nothing was."""
    parts = []
    if lacking := [segment for segment in published.lacking if segment.signed.head.seq <= before]:
        spans = ", ".join(f"{segment.first} to {segment.signed.head.seq}" for segment in lacking[:5])
        parts.append(f"lacked {count(len(lacking), 'sealed segment')} (entries {spans}), and has them now")
    if damaged := published.damaged:
        names = ", ".join(damaged[:5])
        parts.append(
            f"had {count(len(damaged), 'damaged file')} of the journal ({names}), and has sound ones beside"
        )
    return "; ".join((*parts, "read back and matched")) if parts else ""


def _add_repair(sealed: SealedJournal, events: list[Event], holder: str, sentence: str) -> None:
    at = now()
    sealed.repairs.append(f"{holder} {sentence}")
    LOG.error("%s %s", holder, sentence)
    events.append(_event(holder, sentence, at))


def _event(holder: str, sentence: str, at: datetime) -> Event:
    return Event(
        event_id(SubmissionId(FOLDER), EventType.REPLICATION, holder, at.isoformat()),
        EventType.REPLICATION,
        at,
        str(FOLDER),
        EventOutcome.SUCCESS,
        "the journal was sealed",
        f"{holder} {sentence}",
        SOFTWARE,
    )


@contextmanager
def _absence_noted(sealed: SealedJournal, what: str) -> Iterator[None]:
    try:
        yield
    except StorageError as error:
        sealed.absences.append(f"{what}: {error}")
        LOG.warning("%s: %s", what, error)
