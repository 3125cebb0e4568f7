"""Files (section 1): every original, and what was made of it."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from functools import lru_cache

from preservation.model import layout
from preservation.model.decisions import Decision
from preservation.model.derivatives import Derivative, Purpose
from preservation.model.digests import Algorithm, Digests
from preservation.model.dossiers import Dossier
from preservation.model.events import Agent
from preservation.model.files import SurveyedFile
from preservation.model.identifiers import PackageId
from preservation.model.paths import BagPath
from preservation.premis import identifiers, vocabulary
from preservation.premis.characteristics import derivative_formats, description, formats, inhibitors
from preservation.premis.contents import PremisContents
from preservation.premis.identifiers import Part, PremisIdentifier
from preservation.premis.relationships import object_unit, relationship
from preservation.premis.technical import technical_facts
from preservation.premis.units import (
    controlled,
    file_time,
    leaf,
    moment,
    optional_leaf,
    original_name,
    path_value,
    unit,
)


@dataclass(frozen=True, slots=True)
class WrittenFile:
    """A file as XML, its identifier, and the representation that includes it."""

    part: Part
    identifier: PremisIdentifier
    xml: str


def files(contents: PremisContents, dossier: Dossier, kept: SurveyedFile) -> Iterator[WrittenFile]:
    """Record an original that is ``kept``, and its derivatives after it."""
    package = contents.package
    path = layout.original(kept.path)
    original = identifiers.file(package, path)
    made = [one for one in dossier.derivatives if isinstance(one, Derivative)]
    named = [identifiers.derivative(package, one) for one in made]
    yield WrittenFile(
        Part.ORIGINALS,
        original,
        _original(contents, dossier, kept, path, original, tuple(zip(made, named, strict=True))),
    )
    for one, identifier in zip(made, named, strict=True):
        part = Part(one.purpose.value)
        yield WrittenFile(
            part, identifier, _derivative(contents, dossier.decision, one, identifier, original)
        )


def _original(
    contents: PremisContents,
    dossier: Dossier,
    file: SurveyedFile,
    path: BagPath,
    identifier: PremisIdentifier,
    derivatives: tuple[tuple[Derivative, PremisIdentifier], ...],
) -> str:
    submission = contents.submission.identifier
    screened = dossier.screened
    events = [identifiers.making_event(submission, made) for made in dossier.derivatives]
    if screened is not None and screened.issues:
        events.insert(0, identifiers.screening_event(submission, dossier))
    is_normalized = any(made.purpose is Purpose.PRESERVATION for made, _ in derivatives)
    return object_unit(
        "file",
        identifier.named("objectIdentifier"),
        _preservation_level(contents, dossier.decision, is_normalized=is_normalized),
        _characteristics(
            contents.software,
            file.digests,
            file.size,
            formats(file.identification),
            _last_change(file.modified),
            inhibitors(screened),
            "" if screened is None else technical_facts(screened.image, screened.document),
            description(dossier.described),
        ),
        original_name(file.path),
        _location(contents, path, file.digests),
        _included(contents.package, Part.ORIGINALS),
        _same_content(contents, file.digests),
        *(
            relationship(
                vocabulary.DERIVATION,
                vocabulary.IS_SOURCE_OF,
                named.named("relatedObjectIdentifier"),
                _made_by(contents, made),
            )
            for made, named in derivatives
        ),
        *(identifiers.event(event).named("linkingEventIdentifier") for event in events),
    )


def _last_change(modified: int) -> str:
    """Return when the file was last written to before it was dropped, as its file system had it."""
    written = file_time(modified)
    return unit("creatingApplication", leaf("dateCreatedByApplication", written)) if written else ""


def _derivative(
    contents: PremisContents,
    decision: Decision | None,
    made: Derivative,
    identifier: PremisIdentifier,
    source: PremisIdentifier,
) -> str:
    is_kept = made.purpose is Purpose.PRESERVATION
    path = layout.preserved(made.path)
    event = identifiers.making_event(contents.submission.identifier, made)
    created_by = unit(
        "creatingApplication",
        leaf("creatingApplicationName", made.encoder.name),
        optional_leaf("creatingApplicationVersion", made.encoder.version),
        leaf("dateCreatedByApplication", moment(contents.made_at(made.purpose))),
    )
    return object_unit(
        "file",
        identifier.named("objectIdentifier"),
        _level_of_copy(contents, decision) if is_kept else _LEVEL_OF_ACCESS,
        _characteristics(
            contents.software,
            made.digests,
            made.size,
            derivative_formats(made),
            created_by,
            technical_facts(made.image),
        ),
        _location(contents, path, made.digests) if is_kept else _place("access folder", identifier.value),
        _included(contents.package, Part(made.purpose.value)),
        _same_content(contents, made.digests) if is_kept else "",
        relationship(
            vocabulary.DERIVATION,
            vocabulary.HAS_SOURCE,
            source.named("relatedObjectIdentifier"),
            _made_by(contents, made),
        ),
        identifiers.event(event).named("linkingEventIdentifier"),
    )


def _made_by(contents: PremisContents, made: Derivative) -> str:
    event = identifiers.making_event(contents.submission.identifier, made)
    return identifiers.event(event).named("relatedEventIdentifier")


def _location(contents: PremisContents, path: BagPath, digests: Digests) -> str:
    """Return where the bytes are: in this package, or in that of an earlier version."""
    earlier = contents.earlier.get(digests[Algorithm.SHA256])
    if earlier is None:
        return _place("bag path", path_value(path))
    return _place(*identifiers.file(earlier.package, earlier.path))


def _place(kind: str, value: str) -> str:
    return unit(
        "storage",
        unit("contentLocation", leaf("contentLocationType", kind), leaf("contentLocationValue", value)),
    )


def _same_content(contents: PremisContents, digests: Digests) -> str:
    earlier = contents.earlier.get(digests[Algorithm.SHA256])
    if earlier is None:
        return ""
    there = identifiers.file(earlier.package, earlier.path)
    return relationship(
        vocabulary.DERIVATION, vocabulary.HAS_SAME_CONTENT, there.named("relatedObjectIdentifier")
    )


def _preservation_level(contents: PremisContents, decision: Decision | None, *, is_normalized: bool) -> str:
    if decision is None:
        return ""
    # Only what was made and proved is more than bits: a rule may ask for what was refused.
    kind = vocabulary.LOGICAL if is_normalized else vocabulary.BIT_LEVEL
    return _level(kind, decision.action.value, _rationale(contents, decision), contents.created_at.date())


def _level_of_copy(contents: PremisContents, decision: Decision | None) -> str:
    rationale = "" if decision is None else _rationale(contents, decision)
    return _level(vocabulary.LOGICAL, "preservation copy", rationale, contents.created_at.date())


def _rationale(contents: PremisContents, decision: Decision) -> str:
    policy = contents.policy
    return f"{decision.because} (rule {decision.rule} of {policy.name} revision {policy.revision})"


# As many as there are rules, for as many files as there are.
@lru_cache(maxsize=512)
def _level(kind: vocabulary.Term, value: str, rationale: str, assigned: date) -> str:
    return unit(
        "preservationLevel",
        controlled("preservationLevelType", kind),
        leaf("preservationLevelValue", value),
        optional_leaf("preservationLevelRationale", rationale),
        leaf("preservationLevelDateAssigned", assigned.isoformat()),
    )


_LEVEL_OF_ACCESS = unit(
    "preservationLevel",
    leaf("preservationLevelValue", "not preserved"),
    leaf(
        "preservationLevelRationale",
        "made for use, outside of the package; it can be made again from its source",
    ),
)


def _characteristics(software: Agent, digests: Digests, size: int, format_units: str, *more: str) -> str:
    fixity: list[str] = []
    for algorithm, digest in digests.items():
        before, after = _around_digest(software, algorithm)
        fixity += (before, digest, after)
    return unit(
        "objectCharacteristics",
        leaf("compositionLevel", "0"),
        *fixity,
        leaf("size", str(size)),
        format_units,
        *more,
    )


@lru_cache(maxsize=16)
def _around_digest(software: Agent, algorithm: Algorithm) -> tuple[str, str]:
    """Return what stands before a digest in its ``fixity`` unit, and what stands after it."""
    digest = "\0"
    before, _, after = unit(
        "fixity",
        controlled("messageDigestAlgorithm", vocabulary.DIGEST_ALGORITHMS[algorithm]),
        f"<messageDigest>{digest}</messageDigest>\n",
        leaf("messageDigestOriginator", f"{software.name} {software.version}"),
    ).partition(digest)
    return before, after


@lru_cache(maxsize=16)
def _included(package: PackageId, part: Part) -> str:
    return relationship(
        vocabulary.STRUCTURAL,
        vocabulary.IS_INCLUDED_IN,
        identifiers.representation(package, part).named("relatedObjectIdentifier"),
    )
