"""Events (section 2) and agents (section 3)."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from preservation.model import layout
from preservation.model.derivatives import Derivative, Proof, RefusedDerivative
from preservation.model.dossiers import Dossier
from preservation.model.events import Agent, AgentKind, Event, EventOutcome, EventType
from preservation.model.formats import EngineRelease
from preservation.model.identifiers import EventId
from preservation.model.issues import Severity
from preservation.model.screening import ScreenedFile
from preservation.premis import identifiers
from preservation.premis.contents import MAKING, PremisContents
from preservation.premis.identifiers import Part
from preservation.premis.units import controlled, leaf, moment, optional_leaf, unit
from preservation.premis.vocabulary import (
    AGENT_TYPES,
    AUTHORIZER,
    EVENT_OUTCOMES,
    EVENT_TYPES,
    EXECUTING_PROGRAM,
    IMPLEMENTER,
    OUTCOME,
    SOURCE,
    VALIDATOR,
    Term,
)

_OF_FILES = frozenset({
    EventType.INGESTION_START, EventType.UNPACKING, EventType.MESSAGE_DIGEST_CALCULATION,
    EventType.VIRUS_CHECK, EventType.FORMAT_IDENTIFICATION, EventType.FIXITY_CHECK, EventType.VALIDATION,
})  # fmt: skip
"""What is done to all files that were dropped; the rest is done to the version as such."""

_MADE = {MAKING[purpose]: Part(purpose.value) for purpose in MAKING}


@dataclass(frozen=True, slots=True)
class WrittenEvent:
    """An event as XML, its identifier, and the agents that it names."""

    identifier: EventId
    xml: str
    agents: tuple[Agent, ...]


class _Linked(NamedTuple):
    """What an event is about: ``None`` is the version; and in which role, if in one of two."""

    part: Part | None
    role: Term | None = None


def events_of(contents: PremisContents, part: Part | None) -> Iterator[Event]:
    """Yield the events of the package that were about a representation, or, ``None``, about the version."""
    return (event for event in contents.events if any(link.part is part for link in _links(event.event_type)))


def package_events(contents: PremisContents, parts: Iterable[Part]) -> Iterator[WrittenEvent]:
    """Record the events of the whole package, which consists of ``parts``."""
    there = {None, *parts}
    for event in contents.events:
        yield _package_event(
            contents, event, [link for link in _links(event.event_type) if link.part in there]
        )


def file_events(contents: PremisContents, dossier: Dossier) -> Iterator[WrittenEvent]:
    """Record what befell a single file."""
    if dossier.screened is not None and dossier.screened.issues:
        yield _screening(contents, dossier, dossier.screened)
    for made in dossier.derivatives:
        yield _making(contents, dossier, made)


def agent(value: Agent, engines: tuple[EngineRelease, ...]) -> tuple[str, str]:
    """Record an agent; an identification engine with the signatures that it used.

    Returns:
        What stands before the links to its events, and what stands after them.
    """
    signatures = (release.signatures for release in engines if identifiers.engine_agent(release) == value)
    written = unit(
        "agent",
        identifiers.agent(value).named("agentIdentifier"),
        leaf("agentName", value.name),
        controlled("agentType", AGENT_TYPES[value.kind]),
        optional_leaf("agentVersion", value.version),
        *(leaf("agentNote", f"signatures: {release}") for release in signatures),
    )
    end = "</agent>\n"
    return written.removesuffix(end), end


def _links(kind: EventType) -> tuple[_Linked, ...]:
    if kind in _MADE:
        return _Linked(Part.ORIGINALS, SOURCE), _Linked(_MADE[kind], OUTCOME)
    return (_Linked(Part.ORIGINALS if kind in _OF_FILES else None),)


def _package_event(contents: PremisContents, event: Event, links: list[_Linked]) -> WrittenEvent:
    acted = [(event.agent, _role(event)), *((program, EXECUTING_PROGRAM) for program in event.programs)]
    if event.event_type is EventType.FORMAT_IDENTIFICATION:
        acted += [(identifiers.engine_agent(release), EXECUTING_PROGRAM) for release in contents.engines]
    return _written(
        event.identifier,
        event.event_type,
        event.at,
        event.detail,
        _outcome(event.outcome, event.note),
        acted,
        *(_about(contents, link) for link in links),
    )


def _role(event: Event) -> Term:
    if event.agent.kind is AgentKind.SOFTWARE:
        return EXECUTING_PROGRAM
    # A person approves; the programs do the rest.
    return AUTHORIZER if event.event_type is EventType.POLICY_ASSIGNMENT else IMPLEMENTER


def _about(contents: PremisContents, link: _Linked) -> str:
    package = contents.package
    about = (
        identifiers.version(package) if link.part is None else identifiers.representation(package, link.part)
    )
    return about.named("linkingObjectIdentifier", *_as(link.role))


def _as(role: Term | None) -> tuple[str, ...]:
    return () if role is None else (controlled("linkingObjectRole", role),)


def _screening(contents: PremisContents, dossier: Dossier, screened: ScreenedFile) -> WrittenEvent:
    programs = () if screened.examiner is None else (screened.examiner, *screened.other_examiners)
    names = " and ".join(f"{one.name} {one.version}" for one in programs)
    how = f"opened by {names}" if programs else "by name, size and format"
    return _written(
        identifiers.screening_event(contents.submission.identifier, dossier),
        EventType.VALIDATION,
        contents.screened_at,
        f"examined whether the file is fit to be kept, {how}",
        _outcome(_outcome_of(screened), *(f"{issue.code}: {issue.message}" for issue in screened.issues)),
        [(one, EXECUTING_PROGRAM) for one in (contents.software, *programs)],
        identifiers.file(contents.package, layout.original(dossier.path)).named("linkingObjectIdentifier"),
    )


def _making(contents: PremisContents, dossier: Dossier, made: Derivative | RefusedDerivative) -> WrittenEvent:
    original = identifiers.file(contents.package, layout.original(dossier.path))
    linked = [original.named("linkingObjectIdentifier", *_as(SOURCE))]
    match made:
        case Derivative():
            left = f"left behind: {'; '.join(made.left_behind)}" if made.left_behind else ""
            outcome = _outcome(EventOutcome.SUCCESS, *map(_proof, made.proofs), left)
            acted = [(made.encoder, EXECUTING_PROGRAM)]
            if made.decoder is not None:
                acted.append((made.decoder, VALIDATOR))
            identifier = identifiers.derivative(contents.package, made)
            linked.append(identifier.named("linkingObjectIdentifier", *_as(OUTCOME)))
        case RefusedDerivative():
            outcome = _outcome(EventOutcome.FAIL, made.reason, *map(_proof, made.proofs))
            acted = [(contents.software, EXECUTING_PROGRAM)]
    options = ", ".join(f"{name}={value}" for name, value in made.migration.options.items())
    rule = "" if dossier.decision is None else f"; rule {dossier.decision.rule}: {dossier.decision.because}"
    return _written(
        identifiers.making_event(contents.submission.identifier, made),
        MAKING[made.purpose],
        contents.made_at(made.purpose),
        f"{made.migration.name} ({options or 'no options'}) for {made.purpose.value}{rule}",
        outcome,
        acted,
        *linked,
    )


def _written(
    identifier: EventId,
    kind: EventType,
    at: datetime,
    detail: str,
    outcome: str,
    acted: list[tuple[Agent, Term]],
    *linked_objects: str,
) -> WrittenEvent:
    # The encoder of a derivative may be what proved it, too: one link, two roles.
    roles: dict[Agent, list[str]] = {}
    for who, role in acted:
        written = controlled("linkingAgentRole", role)
        if written not in roles.setdefault(who, []):
            roles[who].append(written)
    xml = unit(
        "event",
        identifiers.event(identifier).named("eventIdentifier"),
        controlled("eventType", EVENT_TYPES[kind]),
        leaf("eventDateTime", moment(at)),
        unit("eventDetailInformation", leaf("eventDetail", detail)),
        outcome,
        *(identifiers.agent(who).named("linkingAgentIdentifier", *played) for who, played in roles.items()),
        *linked_objects,
    )
    return WrittenEvent(identifier, xml, tuple(roles))


def _outcome(outcome: EventOutcome, *notes: str) -> str:
    return unit(
        "eventOutcomeInformation",
        controlled("eventOutcome", EVENT_OUTCOMES[outcome]),
        *(unit("eventOutcomeDetail", leaf("eventOutcomeDetailNote", note)) for note in notes if note),
    )


def _proof(proof: Proof) -> str:
    return f"{proof.name} {'holds' if proof.holds else 'DOES NOT HOLD'}: {proof.detail}"


def _outcome_of(screened: ScreenedFile) -> EventOutcome:
    """Return what a look at a file came to: damage is a failure, whatever the policy makes of it."""
    severities = {issue.severity for issue in screened.issues}
    if screened.is_damaged or Severity.ERROR in severities:
        return EventOutcome.FAIL
    if severities & {Severity.WARNING, Severity.QUESTION} or screened.unexamined:
        return EventOutcome.WARNING
    return EventOutcome.SUCCESS
