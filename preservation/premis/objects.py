"""Objects (section 1): the intellectual entity, the representation, and every file of the payload."""

from collections.abc import Iterator
from datetime import date
from functools import lru_cache

from preservation.model import layout
from preservation.model.decisions import Action
from preservation.model.derivatives import Derivative, Purpose
from preservation.model.digests import Digests
from preservation.model.dossiers import Dossier
from preservation.model.events import Agent
from preservation.model.files import SurveyedFile
from preservation.model.identifiers import PackageId
from preservation.model.paths import printable
from preservation.premis import vocabulary
from preservation.premis.characteristics import (
    derivative_format,
    description,
    formats,
    inhibitors,
    significant_properties,
)
from preservation.premis.contents import PremisContents
from preservation.premis.identifiers import (
    entity_identifier,
    event_identifier,
    file_identifier,
    normalization_event,
    package_identifier,
    screening_event,
)
from preservation.premis.units import controlled, file_time, leaf, moment, optional_leaf, unit


def objects(contents: PremisContents) -> Iterator[str]:
    """Record the objects: what is kept, this version of it, and each file with its derivatives after it."""
    yield _object("intellectualEntity", entity_identifier("objectIdentifier", contents.package.object))
    yield _representation(contents)
    for dossier in contents.files:
        file = dossier.kept
        if file is None:
            continue
        yield _original(contents, dossier, file)
        for made in dossier.derivatives:
            if isinstance(made, Derivative) and made.purpose is Purpose.PRESERVATION:
                yield _derivative(contents, made)


def _representation(contents: PremisContents) -> str:
    entity = entity_identifier("relatedObjectIdentifier", contents.package.object)
    return _object(
        "representation",
        package_identifier("objectIdentifier", contents.package),
        leaf("originalName", printable(contents.submission.drop.name)),
        _relationship(vocabulary.STRUCTURAL, vocabulary.REPRESENTS, entity),
        *(event_identifier("linkingEventIdentifier", event.identifier) for event in contents.events),
    )


def _original(contents: PremisContents, dossier: Dossier, file: SurveyedFile) -> str:
    submission = contents.submission.identifier
    events = [normalization_event(submission, made) for made in dossier.derivatives]
    screened = dossier.screened
    if screened is not None and screened.issues:
        events.insert(0, screening_event(submission, dossier))
    return _object(
        "file",
        file_identifier("objectIdentifier", layout.original(file.path)),
        _preservation_level(contents, dossier),
        significant_properties(screened),
        _characteristics(
            contents.software,
            file.digests,
            file.size,
            formats(file.identification),
            _last_change(file.modified),
            inhibitors(screened),
            description(dossier.described),
        ),
        leaf("originalName", printable(file.path)),
        _included(contents.package),
        *(
            _relationship(
                vocabulary.DERIVATION,
                vocabulary.IS_SOURCE_OF,
                file_identifier("relatedObjectIdentifier", layout.preserved(made.path)),
                event_identifier("relatedEventIdentifier", normalization_event(submission, made)),
            )
            for made in dossier.derivatives
            if isinstance(made, Derivative) and made.purpose is Purpose.PRESERVATION
        ),
        *(event_identifier("linkingEventIdentifier", event) for event in events),
    )


def _last_change(modified: int) -> str:
    """Return when the file was last written to before it was dropped, as its file system had it."""
    written = file_time(modified)
    return unit("creatingApplication", leaf("dateCreatedByApplication", written)) if written else ""


def _derivative(contents: PremisContents, made: Derivative) -> str:
    event = normalization_event(contents.submission.identifier, made)
    written_format = derivative_format(made.format_name)
    created_by = unit(
        "creatingApplication",
        leaf("creatingApplicationName", made.encoder.name),
        optional_leaf("creatingApplicationVersion", made.encoder.version),
        leaf("dateCreatedByApplication", moment(contents.normalized_at)),
    )
    return _object(
        "file",
        file_identifier("objectIdentifier", layout.preserved(made.path)),
        _characteristics(contents.software, made.digests, made.size, written_format, created_by),
        _included(contents.package),
        _relationship(
            vocabulary.DERIVATION,
            vocabulary.HAS_SOURCE,
            file_identifier("relatedObjectIdentifier", layout.original(made.source)),
            event_identifier("relatedEventIdentifier", event),
        ),
        event_identifier("linkingEventIdentifier", event),
    )


def _preservation_level(contents: PremisContents, dossier: Dossier) -> str:
    decision = dossier.decision
    if decision is None:
        return ""
    policy = contents.policy
    rationale = f"{decision.because} (rule {decision.rule} of {policy.name} revision {policy.revision})"
    return _level(decision.action, rationale, contents.created_at.date())


# As many as there are rules, for as many files as there are.
@lru_cache(maxsize=512)
def _level(action: Action, rationale: str, assigned: date) -> str:
    return unit(
        "preservationLevel",
        controlled("preservationLevelType", vocabulary.LEVEL_TYPES[action]),
        leaf("preservationLevelValue", action.value),
        leaf("preservationLevelRationale", rationale),
        leaf("preservationLevelDateAssigned", assigned.isoformat()),
    )


def _characteristics(software: Agent, digests: Digests, size: int, format_units: str, *more: str) -> str:
    originator = leaf("messageDigestOriginator", f"{software.name} {software.version}")
    fixity = (
        unit(
            "fixity",
            controlled("messageDigestAlgorithm", vocabulary.DIGEST_ALGORITHMS[algorithm]),
            leaf("messageDigest", digest),
            originator,
        )
        for algorithm, digest in digests.items()
    )
    return unit(
        "objectCharacteristics",
        leaf("compositionLevel", "0"),
        *fixity,
        leaf("size", str(size)),
        format_units,
        *more,
    )


@lru_cache(maxsize=16)
def _included(package: PackageId) -> str:
    return _relationship(
        vocabulary.STRUCTURAL,
        vocabulary.IS_INCLUDED_IN,
        package_identifier("relatedObjectIdentifier", package),
    )


def _relationship(kind: vocabulary.Term, subkind: vocabulary.Term, *related: str) -> str:
    return unit(
        "relationship",
        controlled("relationshipType", kind),
        controlled("relationshipSubType", subkind),
        *related,
    )


def _object(kind: str, *units: str) -> str:
    return f'<object xsi:type="{kind}">\n{"".join(units)}</object>\n'
