"""A submission in PREMIS events: one a stage, in the vocabulary of id.loc.gov.

What was done to every single file stands in the package's ``premis.xml``; these events are about the
whole and stand in both, ``premis.xml`` and the journal.
"""

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime

from preservation.model.adoption import FormerFixity
from preservation.model.amounts import count
from preservation.model.decisions import PolicyReference
from preservation.model.events import Agent, AgentKind, Event, EventOutcome, EventType, event_id
from preservation.model.formats import EngineRelease
from preservation.model.issues import Issue, Severity
from preservation.model.packages import Replica
from preservation.model.paths import printable
from preservation.model.screening import Examined
from preservation.model.submissions import Received, Submission, UnpackedArchive
from preservation.model.supplied import SuppliedManifest
from preservation.model.tag_digests import TagDigest, stated
from preservation.model.verdicts import Verdict
from preservation.model.viruses import NoScanner, ScannerRelease, ScanTally

_OUTCOMES = {
    Verdict.STORED: EventOutcome.SUCCESS,
    Verdict.ALREADY_KEPT: EventOutcome.SUCCESS,
    Verdict.REJECTED: EventOutcome.FAIL,
    Verdict.INTERRUPTED: EventOutcome.FAIL,
    Verdict.WAITING: EventOutcome.WARNING,
}


def entered(package: str) -> str:
    """Return the detail of the event by which ``package`` is kept: it names the version."""
    return f"{package} entered in the catalogue"


@dataclass(frozen=True, slots=True)
class IngestEvents:
    """Records the events of one submission. ``clock`` gives the time, in UTC."""

    submission: Submission
    software: Agent
    clock: Callable[[], datetime]

    def started(self, received: Received | None) -> Event:
        """Record which drop became a submission, and when; ``received`` is ``None``: it cannot be opened."""
        name = printable(self.submission.drop.name)
        what = f"what was dropped as {name} cannot be opened"
        if received is not None:
            what = f"a {received.kind.value} was dropped as {name}"
        stated = f"{what}; submission {self.submission.identifier}"
        return self._event(EventType.INGESTION_START, stated, "taken in hand", at=self.submission.received_at)

    def unpacked(self, archive: UnpackedArchive) -> Event:
        """Record which archive was unpacked, exactly: its own bytes are not kept."""
        return self._event(
            EventType.UNPACKING,
            f"unpacked the {archive.kind} archive {printable(archive.name)}: {archive.size} bytes, "
            f"SHA-256 {archive.sha256}; the archive itself is not kept",
            f"{archive.files} members, {archive.unpacked} bytes",
        )

    def bag_validated(self, other_reader: Agent, issues: Iterable[Issue]) -> Event:
        """Record that the submitted bag was validated, by which readers, how, and what they found."""
        counts = Counter(issue.severity for issue in issues)
        errors, warnings = counts[Severity.ERROR], counts[Severity.WARNING]
        outcome = EventOutcome.FAIL if errors else EventOutcome.WARNING if warnings else EventOutcome.SUCCESS
        return self._event(
            EventType.VALIDATION,
            "the submitted bag by RFC 8493: structure, and every file by the digests of its manifests, by "
            f"{self.software.name} {self.software.version}; structure and completeness by "
            f"{other_reader.name} {other_reader.version} too",
            f"{'not valid' if errors else 'valid'}: {count(errors, 'error')}, {count(warnings, 'warning')}",
            outcome,
            "submitted bag",
            programs=(other_reader,),
        )

    def surveyed(self, files: int, size: int, algorithms: Iterable[str]) -> Event:
        """Record that every byte was read, once."""
        return self._event(
            EventType.MESSAGE_DIGEST_CALCULATION,
            f"one read of every file; {', '.join(sorted(algorithms))}",
            f"{count(files, 'file')}, {count(size, 'byte')}",
        )

    def identified(self, engines: Iterable[EngineRelease], decided: int, undecided: int) -> Event:
        """Record what the identification engines could say."""
        return self._event(
            EventType.FORMAT_IDENTIFICATION,
            "; ".join(f"{engine.engine} {engine.version} ({engine.signatures})" for engine in engines),
            f"{count(decided, 'file')} identified, {undecided} not",
            EventOutcome.SUCCESS if decided and not undecided else EventOutcome.WARNING,
        )

    def compared(self, manifest: SuppliedManifest, *, beside: bool = False) -> Event:
        """Record how the drop compares with a manifest that came in it, or lay ``beside`` it."""
        name = printable(manifest.path)
        where = "beside the drop, " if beside else ""
        return self._event(
            EventType.FIXITY_CHECK,
            f"compared with the supplied manifest {name} ({where}{manifest.layout.value})",
            manifest.sentence,
            manifest.outcome,
            # An archive may have a file of that name in it.
            f"beside {name}" if beside else name,
        )

    def adopted(self, place: str, former: FormerFixity) -> Event:
        """Record where an old holding lay, what it was held against, and what is not known of it.

        Where nothing was compared, it is no fixity check: the digests of the survey are the first.
        """
        event_type = EventType.FIXITY_CHECK if former.record else EventType.MESSAGE_DIGEST_CALCULATION
        note = "; ".join(filter(None, (former.sentence, former.limits)))
        detail = f"an old holding that is to be adopted, from {printable(place)}; {former.statement}"
        return self._event(event_type, detail, note, former.outcome, "adopted")

    def virus_checked(self, scanner: ScannerRelease | NoScanner, tally: ScanTally) -> Event:
        """Record which scanner was asked, how old its signatures are, and what it found."""
        if isinstance(scanner, NoScanner):
            asked = f"no scanner: {scanner.detail}"
        else:
            asked = f"asked {scanner.described(self.clock())}"
        # Of nothing that was scanned, nothing is known to be clean.
        whole = tally.clean and not tally.not_scanned
        outcome = EventOutcome.SUCCESS if whole else EventOutcome.WARNING
        return self._event(
            EventType.VIRUS_CHECK,
            asked,
            f"{count(tally.clean, 'file')} clean, {tally.infected} infected, {tally.not_scanned} not scanned",
            EventOutcome.FAIL if tally.infected else outcome,
            programs=() if isinstance(scanner, NoScanner) else (scanner.agent,),
        )

    def screened(
        self,
        verdict: Verdict | None,
        sentence: str,
        examined: Iterable[Examined],
        unexamined: str,
        *,
        remarks: bool = False,
    ) -> Event:
        """Record whether the submission is fit to be kept, what looked into its files, and into which not.

        Damage that was found is a failure also where the policy, or a person, has the files kept; and where
        nothing was looked into, nothing succeeded. ``remarks`` says that there were warnings or questions.
        """
        by = tuple(examined)
        files, damaged = sum(one.files for one in by), sum(one.damaged for one in by)
        outcome = EventOutcome.SUCCESS if files and not remarks else EventOutcome.WARNING
        if verdict is not None:
            outcome = _OUTCOMES[verdict]
        if damaged:
            outcome = EventOutcome.FAIL
        programs = tuple(dict.fromkeys(program for one in by for program in (one.program, *one.others)))
        names = ", ".join(f"{one.name} {one.version}".strip() for one in programs)
        detail = f"screened as the policy says{f'; files were looked into by {names}' if names else ''}"
        looked = (
            f"{count(files, 'file')} looked into, {damaged} damaged" if files else "no file was looked into"
        )
        note = "; ".join(filter(None, (sentence, looked, unexamined)))
        return self._event(EventType.VALIDATION, detail, note, outcome, str(verdict), programs=programs)

    def governed(self, policy: PolicyReference, because: str) -> Event:
        """Record which policy governs the submission, or who decided where the policy asks."""
        return self._event(EventType.POLICY_ASSIGNMENT, f"policy {policy}", because)

    def approved(self, by: Agent, because: str, at: datetime) -> Event:
        """Record that a person answered what the submission was waiting for."""
        approved, which = "approved to be kept as it is", at.isoformat()
        return self._event(EventType.POLICY_ASSIGNMENT, approved, because, which=which, at=at, agent=by)

    def ruled(self, ruling: str, because: str, by: str, at: datetime) -> Event:
        """Record what a person had decided beforehand, and was applied."""
        which, agent = f"{ruling} {at.isoformat()}", Agent(AgentKind.PERSON, by)
        return self._event(EventType.POLICY_ASSIGNMENT, ruling, because, which=which, at=at, agent=agent)

    def refused(self, by: Agent, because: str, at: datetime) -> Event:
        """Record that a person decided that the submission is not kept."""
        detail, which = "refused: it is not to be kept", f"refused {at.isoformat()}"
        return self._event(
            EventType.POLICY_ASSIGNMENT, detail, because, EventOutcome.FAIL, which, at=at, agent=by
        )

    def normalized(self, proved: int, refused: int) -> Event:
        """Record how many derivatives for preservation were proved, and how many refused."""
        return self._event(
            EventType.NORMALIZATION,
            "derivatives for preservation made as the policy says, and compared with their sources",
            f"{proved} made and proved, {refused} refused; every original is kept",
            _outcome_of_making(proved, refused),
        )

    def access_copies_made(self, made: int, refused: int) -> Event:
        """Record how many access copies were made, and how many refused. They are no part of the package."""
        return self._event(
            EventType.CREATION,
            "access copies made as the policy says; they are known to open, and can be made again",
            f"{count(made, 'access copy', 'access copies')}, {refused} refused",
            _outcome_of_making(made, refused),
        )

    def completed(self, remark: str) -> Event:
        """Record that what the version before has besides the drop was read from the stores and matched."""
        return self._event(
            EventType.FIXITY_CHECK,
            "what the drop does not have of the version before was brought from the stores, and compared "
            "with what was recorded of it",
            remark,
            which="completed",
        )

    def relied_on(self, package: str, files: int, size: int, unsound: int) -> Event:
        """Record that what a version does not repeat was read in every store where it lies."""
        return self._event(
            EventType.FIXITY_CHECK,
            f"what {package} would not repeat was read in every store that has it",
            f"{count(files, 'file')}, {count(size, 'byte')} of earlier versions matched"
            + (f"; {unsound} did not and are written again" if unsound else ""),
            EventOutcome.WARNING if unsound else EventOutcome.SUCCESS,
            f"earlier versions of {package}",
        )

    def replicated(self, package: str, replica: Replica) -> Event:
        """Record that a copy was read back from where it rests, and matched."""
        return self._event(
            EventType.REPLICATION,
            f"{package} written to store {replica.store} and read back from it",
            f"{count(replica.files, 'file')}, {count(replica.bytes, 'byte')} matched",
            EventOutcome.SUCCESS,
            replica.store,
            at=replica.verified_at,
        )

    def registered(self, package: str, tag_digests: Iterable[TagDigest]) -> Event:
        """Record that the package is kept from now on, and the digest of each of its tag manifests."""
        note = f"kept; {stated(tag_digests)}"
        return self._event(EventType.ACCESSION, entered(package), note)

    def ended(self, verdict: Verdict, sentence: str, at: datetime) -> Event:
        """Record how it ended. Each end of a submission that was tried again is an event of its own."""
        outcome, which = _OUTCOMES[verdict], at.isoformat()
        return self._event(EventType.INGESTION_END, verdict.value, sentence, outcome, which, at=at)

    def _event(
        self,
        event_type: EventType,
        detail: str,
        note: str,
        outcome: EventOutcome = EventOutcome.SUCCESS,
        which: str = "",
        *,
        at: datetime | None = None,
        agent: Agent | None = None,
        programs: tuple[Agent, ...] = (),
    ) -> Event:
        return Event(
            event_id(self.submission.identifier, event_type, which),
            event_type,
            at or self.clock(),
            str(self.submission.object),
            outcome,
            detail,
            note,
            agent or self.software,
            programs,
        )


def _outcome_of_making(made: int, refused: int) -> EventOutcome:
    if refused:
        return EventOutcome.WARNING if made else EventOutcome.FAIL
    return EventOutcome.SUCCESS
