"""The check of the journal, the installation's own or a copy, and its verdict in sentences."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from itertools import chain
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from flows.archive.journal_stamps import OURS, LoadedRoots, roots_of
from flows.installation.job_records import recorded_run
from flows.installation.jobs import Job
from flows.installation.settings import Settings
from flows.installation.wiring import Installation, open_installation
from preservation.errors import NotFoundError, StorageError
from preservation.model.amounts import count
from preservation.model.identifiers import StoreName
from storage.journal.accessions import compare_accessions
from storage.journal.comparing import ComparedJournal, verify_with_stores
from storage.journal.exported import ExportedJournal, exported_in_folder
from storage.journal.findings import JournalFinding, NotCompared
from storage.journal.heads import KeptHead, is_signed
from storage.journal.keys import public_keys
from storage.journal.store_folder import read_folder
from storage.journal.tokens import CheckedTokens, check_tokens, tokens_in_folder, tokens_in_store
from storage.journal.verification import Broken, JournalVerdict, with_findings
from storage.journal.witness import MEMORY_NAME, remembered, witnessed
from storage.ports.journal import KeyId, SignedHead


class JournalState(StrEnum):
    """Broken: it is not as it was written. Disagrees: a copy, the catalogue or a store is not as it says.

    Not compared: entries may have been cut off, for something that would know was not there to ask.
    """

    INTACT = "Intact"
    BROKEN = "Broken"
    DISAGREES = "Disagrees"
    NOT_COMPARED = "Not compared"


_NEXT_STEPS = {
    JournalState.INTACT: "",
    JournalState.BROKEN: (
        "Keep the database as it is, compare it with the journal in a store "
        "(muniment journal verify --from STORE/_journal), and find out which accounts could write to it; "
        'docs/journal.md, "When the stores know more", says what to do then.'
    ),
    JournalState.DISAGREES: (
        "Find out who or what changed each of these; then seal the journal, which gives stores and database "
        "what they lack of it: muniment journal seal."
    ),
    JournalState.NOT_COMPARED: (
        "Check that every store can be reached (muniment doctor), seal the journal (muniment journal seal), "
        "then verify it again."
    ),
}


@dataclass(frozen=True, slots=True)
class CheckedJournal:
    """The journal at ``place`` and the result of its check.

    ``not_compared`` are the stores and witnesses with which it could not be compared; a copy is compared with
    those witnesses only that were named. ``findings`` are what disagrees with a journal that is sound.
    ``keys_beside`` are the keys that lay beside a copy, where it was checked by these alone. ``tokens`` are
    its time stamps; what does not hold of them is among the findings.
    """

    place: str
    verdict: JournalVerdict
    not_compared: tuple[NotCompared, ...] = ()
    findings: tuple[JournalFinding, ...] = ()
    keys_beside: tuple[KeyId, ...] = ()
    tokens: CheckedTokens = field(default_factory=CheckedTokens)

    @property
    def state(self) -> JournalState:
        """The verdict. A journal that has entries and no signed head was compared with nothing."""
        if isinstance(self.verdict, Broken):
            return JournalState.BROKEN
        if self.findings:
            return JournalState.DISAGREES
        vouched = self.verdict.signed is not None or not self.verdict.head.seq
        return JournalState.INTACT if vouched and not self.not_compared else JournalState.NOT_COMPARED

    @property
    def headline(self) -> str:
        """The verdict in a sentence."""
        entries = f"{self.place}: {count(self.verdict.head.seq, 'entry', 'entries')}"
        match self.state:
            case JournalState.BROKEN:
                return f"{self.place}: sound up to entry {self.verdict.head.seq}"
            case JournalState.DISAGREES:
                return f"{entries}, none altered; what is kept elsewhere disagrees with them"
            case JournalState.NOT_COMPARED:
                return f"{entries}, none altered; whether some were cut off is not known"
            case JournalState.INTACT:
                return f"{entries}, none altered, missing, moved or put in"

    @property
    def next_step(self) -> str:
        """What to do now; empty where it is intact."""
        return _NEXT_STEPS[self.state]

    @property
    def sentences(self) -> Iterator[str]:
        """The details: the faults first, then what disagrees, then what could not be compared."""
        verdict = self.verdict
        if isinstance(verdict, Broken):
            yield from (fault.message for fault in verdict.faults)
        yield from (finding.message for finding in self.findings)
        yield from (store.sentence for store in self.not_compared)
        if not isinstance(verdict, Broken) and verdict.signed is not None:
            at, last = verdict.signed.at, verdict.signed.head.seq
            yield f"entries up to {last} are vouched for with a signature of {at:%Y-%m-%d %H:%M} UTC"
            if stamp := self.tokens.newest:
                yield (
                    f"entries up to {stamp.signed.head.seq} existed at {stamp.at:%Y-%m-%d %H:%M:%S} UTC, "
                    f"says {stamp.authority} (its certificate leads to {stamp.roots})"
                )
        yield from self.notes

    @property
    def notes(self) -> tuple[str, ...]:
        """Remarks for a person."""
        return (*self.verdict.notes, *self.tokens.notes)


def check_journal(settings: Settings, witnesses: Sequence[Path] = ()) -> CheckedJournal:
    """Check the installation's journal, also against all that is kept of it elsewhere, as a run of the job.

    Where a store or a witness could not be compared, the job counts as failed. Raises ``StorageError`` where
    the database or one of ``witnesses`` does not answer, ``ConfigurationError``.
    """
    with recorded_run(Job.VERIFY_JOURNAL, settings) as failed, open_installation(settings) as installation:
        checked = checked_in(installation, witnesses)
        if checked.state is JournalState.NOT_COMPARED:
            failed(" ".join(checked.sentences))
        return checked


def check_copy(source: Path, settings: Settings, witnesses: Sequence[Path] = ()) -> CheckedJournal:
    """Check an exported journal, or the ``_journal`` folder of a store, by the installation's own keys.

    Its time stamps are checked by the roots that the installation trusts. Raises ``NotFoundError`` where no
    journal or no witness is there, ``ConfigurationError``.
    """
    keys, roots = public_keys(settings.keys), roots_of(settings)
    return checked_copy(source, exported_in_folder(source), keys, witnesses, roots)


def checked_copy(
    source: Path,
    exported: ExportedJournal,
    keys: Mapping[KeyId, Ed25519PublicKey],
    witnesses: Sequence[Path] = (),
    roots: LoadedRoots | None = None,
) -> CheckedJournal:
    """Check a copy of a journal, which lies in ``source``, by ``keys``, and its time stamps by ``roots``."""
    heads = [
        kept.signed for path in witnesses for kept in witnessed(path) if isinstance(kept.signed, SignedHead)
    ]
    verdict = exported.verify(keys, heads)
    genuine = (signed for signed in exported.heads(keys) if is_signed(signed, keys))
    roots = roots or LoadedRoots()
    tokens = check_tokens(tokens_in_folder(source, exported.place), genuine, roots.by_name)
    return CheckedJournal(exported.place, verdict, roots.not_compared, tokens.findings, tokens=tokens)


def checked_in(installation: Installation, witnesses: Sequence[Path] = ()) -> CheckedJournal:
    """Check the journal of an open installation, also against all that is kept of it elsewhere."""
    return checked_as(installation.database.address, installation, compared_in(installation, witnesses))


def checked_as(place: str, installation: Installation, compared: ComparedJournal) -> CheckedJournal:
    """Return the result for the journal at ``place``, after checking its time stamps, wherever they are."""
    roots = roots_of(installation.settings)
    kept = [tokens_in_folder(installation.settings.time_stamps, OURS)]
    not_compared = [*compared.not_compared, *roots.not_compared]
    stores = []
    for store in installation.stores:
        try:
            kept.append(tokens_in_store(read_folder(store)))
            stores.append(store.name)
        except StorageError as error:
            not_compared.append(NotCompared(store.name, str(error)))
    # Read after the tokens: what is sealed meanwhile has its head here.
    heads = (*installation.journal.signed_heads(), *compared.heads)
    tokens = check_tokens(chain.from_iterable(kept), heads, roots.by_name)
    for name, own in zip(stores, kept[1:], strict=True):
        if gone := sorted(tokens.sound.keys() - {token.first_name for token in own}):
            lacks = f"it lacks {count(len(gone), 'time stamp')}, the first is {gone[0]}"
            next_step = "sealing gives them again: muniment journal seal"
            not_compared.append(NotCompared(name, f"{lacks}; {next_step}"))
    return CheckedJournal(
        place,
        compared.verdict,
        tuple(dict.fromkeys(not_compared)),
        (*compared.findings, *tokens.findings),
        tokens=tokens,
    )


def compared_in(installation: Installation, witnesses: Sequence[Path] = ()) -> ComparedJournal:
    """Compare the journal with its stores, the catalogue, the memory beside the key, and every witness."""
    settings = installation.settings
    elsewhere, not_compared = _kept_elsewhere(settings, witnesses)
    compared = verify_with_stores(
        installation.journal, public_keys(settings.keys), installation.stores, elsewhere
    )
    if compared.verdict.head.seq:
        compared = replace(compared, not_compared=(*compared.not_compared, *not_compared))
    if isinstance(compared.verdict, Broken):
        return compared
    accessions = compare_accessions(installation.journal, installation.catalogue, installation.stores)
    verdict, notes = with_findings(compared.verdict, accessions.faults), accessions.notes
    if compared.verdict.signed is not None and not remembered(settings.keys):
        memory = settings.keys / MEMORY_NAME
        notes += (f"No signed head is kept beside the key ({memory}): the next sealing keeps it there.",)
    return replace(
        compared,
        verdict=replace(verdict, notes=(*verdict.notes, *notes)),
        not_compared=tuple(dict.fromkeys((*compared.not_compared, *accessions.not_compared))),
        findings=(*compared.findings, *accessions.findings),
    )


def _kept_elsewhere(settings: Settings, named: Sequence[Path]) -> tuple[list[KeptHead], list[NotCompared]]:
    """Return the heads of the memory and of every witness; a configured one may be away, a named one not."""
    heads = [*remembered(settings.keys), *(kept for path in named for kept in witnessed(path))]
    away = []
    for path in settings.witness_files:
        try:
            heads += witnessed(path)
        except NotFoundError:
            reason = "it has no signed head yet, or was removed; sealing writes to it"
            away.append(NotCompared(StoreName(""), reason, str(path)))
        except StorageError as error:
            away.append(NotCompared(StoreName(""), str(error), str(path)))
    return heads, away
