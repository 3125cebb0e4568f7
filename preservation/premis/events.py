"""Events (section 2) and agents (section 3)."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from preservation.model import layout
from preservation.model.derivatives import Derivative, Proof, Purpose, RefusedDerivative
from preservation.model.dossiers import Dossier
from preservation.model.events import Agent, AgentKind, Event, EventOutcome, EventType
from preservation.model.formats import EngineRelease
from preservation.model.identifiers import EventId
from preservation.model.issues import Issue, Severity
from preservation.premis import identifiers
from preservation.premis.contents import PremisContents
from preservation.premis.units import controlled, leaf, moment, optional_leaf, unit
from preservation.premis.vocabulary import (
    AGENT_TYPES,
    EVENT_OUTCOMES,
    EVENT_TYPES,
    EXECUTING_PROGRAM,
    IMPLEMENTER,
    OUTCOME,
    SOURCE,
    VALIDATOR,
    Term,
)


@dataclass(frozen=True, slots=True)
class WrittenEvent:
    """An event as XML, and the agents that it names."""

    xml: str
    agents: tuple[Agent, ...]


def events(contents: PremisContents) -> Iterator[WrittenEvent]:
    """Record the events: those of the whole package, then what befell single files."""
    for event in contents.events:
        yield _package_event(contents, event)
    for dossier in contents.files:
        if dossier.kept is None:
            continue
        if dossier.screened is not None and dossier.screened.issues:
            yield _screening(contents, dossier, dossier.screened.issues)
        for made in dossier.derivatives:
            yield _normalization(contents, dossier, made)


def agent(value: Agent, engines: tuple[EngineRelease, ...]) -> str:
    """Record an agent; an identification engine with the signatures that it used."""
    signatures = (release.signatures for release in engines if identifiers.engine_agent(release) == value)
    return unit(
        "agent",
        identifiers.agent_identifier("agentIdentifier", value),
        leaf("agentName", value.name),
        controlled("agentType", AGENT_TYPES[value.kind]),
        optional_leaf("agentVersion", value.version),
        *(leaf("agentNote", f"signatures: {release}") for release in signatures),
    )


def _package_event(contents: PremisContents, event: Event) -> WrittenEvent:
    acted = [(event.agent, EXECUTING_PROGRAM if event.agent.kind is AgentKind.SOFTWARE else IMPLEMENTER)]
    if event.event_type is EventType.FORMAT_IDENTIFICATION:
        acted += [(identifiers.engine_agent(release), EXECUTING_PROGRAM) for release in contents.engines]
    return _written(
        event.identifier,
        event.event_type,
        event.at,
        event.detail,
        _outcome(event.outcome, event.note),
        acted,
        identifiers.package_identifier("linkingObjectIdentifier", contents.package),
    )


def _screening(contents: PremisContents, dossier: Dossier, issues: tuple[Issue, ...]) -> WrittenEvent:
    return _written(
        identifiers.screening_event(contents.submission.identifier, dossier),
        EventType.VALIDATION,
        contents.screened_at,
        "examined whether the file is fit to be kept",
        _outcome(_worst(issues), *(f"{issue.code}: {issue.message}" for issue in issues)),
        [(contents.software, EXECUTING_PROGRAM)],
        identifiers.file_identifier("linkingObjectIdentifier", layout.original(dossier.path)),
    )


def _normalization(
    contents: PremisContents, dossier: Dossier, made: Derivative | RefusedDerivative
) -> WrittenEvent:
    role = controlled("linkingObjectRole", SOURCE)
    linked = [identifiers.file_identifier("linkingObjectIdentifier", layout.original(dossier.path), role)]
    match made:
        case Derivative():
            left = f"left behind: {'; '.join(made.left_behind)}" if made.left_behind else ""
            outcome = _outcome(EventOutcome.SUCCESS, *map(_proof, made.proofs), left)
            acted = [(made.encoder, EXECUTING_PROGRAM)]
            if made.decoder is not None:
                acted.append((made.decoder, VALIDATOR))
            if made.purpose is Purpose.PRESERVATION:
                role = controlled("linkingObjectRole", OUTCOME)
                path = layout.preserved(made.path)
                linked.append(identifiers.file_identifier("linkingObjectIdentifier", path, role))
        case RefusedDerivative():
            outcome = _outcome(EventOutcome.FAIL, made.reason, *map(_proof, made.proofs))
            acted = [(contents.software, EXECUTING_PROGRAM)]
    options = ", ".join(f"{name}={value}" for name, value in made.migration.options.items())
    rule = "" if dossier.decision is None else f"; rule {dossier.decision.rule}: {dossier.decision.because}"
    return _written(
        identifiers.normalization_event(contents.submission.identifier, made),
        EventType.NORMALIZATION,
        contents.normalized_at,
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
    xml = unit(
        "event",
        identifiers.event_identifier("eventIdentifier", identifier),
        controlled("eventType", EVENT_TYPES[kind]),
        leaf("eventDateTime", moment(at)),
        unit("eventDetailInformation", leaf("eventDetail", detail)),
        outcome,
        *(
            identifiers.agent_identifier("linkingAgentIdentifier", who, controlled("linkingAgentRole", role))
            for who, role in acted
        ),
        *linked_objects,
    )
    return WrittenEvent(xml, tuple(who for who, _ in acted))


def _outcome(outcome: EventOutcome, *notes: str) -> str:
    return unit(
        "eventOutcomeInformation",
        controlled("eventOutcome", EVENT_OUTCOMES[outcome]),
        *(unit("eventOutcomeDetail", leaf("eventOutcomeDetailNote", note)) for note in notes if note),
    )


def _proof(proof: Proof) -> str:
    return f"{proof.name} {'holds' if proof.holds else 'DOES NOT HOLD'}: {proof.detail}"


def _worst(issues: tuple[Issue, ...]) -> EventOutcome:
    severities = {issue.severity for issue in issues}
    if Severity.ERROR in severities:
        return EventOutcome.FAIL
    if severities & {Severity.WARNING, Severity.QUESTION}:
        return EventOutcome.WARNING
    return EventOutcome.SUCCESS
