"""From the engines' opinions to one decision. Nothing is opened here."""

from dataclasses import dataclass, replace

from preservation.identification.opinions import EngineCandidate, Opinion
from preservation.model.formats import FormatMatch, MimeType, Puid

BY_EXTENSION_ALONE = "rests on the extension alone"
SEVERAL_FORMATS = "more than one format is possible"
LOOKS_LIKE = "its content looks like"
DISAGREEMENT = "engines disagree:"
"""Warnings that begin so are taken up as an issue by screening."""


_NAMED = 3


@dataclass(frozen=True, slots=True)
class Decided:
    """The matches, the decided one first; the decision, if there can be one; and our own warnings."""

    matches: tuple[FormatMatch, ...]
    puid: Puid | None
    warnings: tuple[str, ...] = ()


def in_doubt(first: Opinion) -> bool:
    """Say whether a second opinion is wanted: no candidate, several, one by its name only, or unsurely."""
    return first.unsure or len(first.candidates) != 1 or not first.candidates[0].by_signature


def decide(first: Opinion, second: Opinion | None) -> Decided:
    """Decide what the file is. ``second`` is ``None`` where no second engine was asked.

    One candidate by signature stands. A candidate by name alone stands, with a warning, unless a signature
    is that of another format. Of several candidates, that one stands which the second opinion confirms.
    Where the first engine is silent, or could not read the file to its end, the second's single candidate by
    signature stands. Otherwise nothing is decided, and candidates by the bytes come before candidates by the
    name.
    """
    confirming = second.by_signature if second is not None else ()
    match first.candidates:
        case ():
            return _from_second(confirming)
        case _ if first.unsure and confirming:
            return _from_unsure(first, confirming)
        case (candidate,) if candidate.by_signature:
            return Decided((candidate.match,), candidate.match.puid)
        case (candidate,):
            return _from_name(candidate, confirming)
        case _:
            return _from_several(first, confirming)


_NOT_MATCHED = "signatures for this format did not match"
"""What siegfried remarks where the bytes are not those of the format that the name is of."""
_SAYS_LITTLE = ("text/", "inode/", "application/octet-stream", "application/x-empty", "message/")
"""Beginnings of media types that contradict no name: a format without a signature may be text."""


def rests_on_name(first: Opinion, second: Opinion | None) -> bool:
    """Say whether nothing in the bytes is a sign of any format that was found."""
    return bool(first.candidates) and not first.by_signature and not (second and second.by_signature)


def against_content(decided: Decided, first: Opinion, looks: MimeType) -> Decided:
    """Hold a decision that rests on the name against what the content ``looks`` like, by libmagic.

    Where the content is something else, nothing is decided: a picture that is called ``list.csv`` is no
    table. Where it may be, it is said what it looks like.
    """
    if not looks or looks == "application/octet-stream" or any(looks == one.mime for one in first.candidates):
        return decided
    is_denied = any(_NOT_MATCHED in remark for remark in first.remarks)
    stated = {one.mime for one in first.candidates if one.mime}
    is_kin = looks.partition("/")[0] in {mime.partition("/")[0] for mime in stated} or not stated
    if not is_denied and (is_kin or looks.startswith(_SAYS_LITTLE)):
        # Of a text whose format has no signature, only the name says what kind of text it is.
        return (
            decided
            if any(one.mime.startswith("text/") for one in first.candidates)
            else with_look(decided, looks)
        )
    named = " or ".join(f"{one.match.puid} ({one.match.name})" for one in first.candidates[:_NAMED])
    warning = f"{DISAGREEMENT} {named} by its name, and its content looks like {looks}"
    return Decided(decided.matches, None, (warning,))


def with_look(decided: Decided, looks: MimeType) -> Decided:
    """Add what the content looks like to libmagic, where it says anything."""
    if not looks or looks == "application/octet-stream":
        return decided
    return replace(decided, warnings=(*decided.warnings, f"{LOOKS_LIKE} {looks}"))


def _from_second(confirming: tuple[EngineCandidate, ...]) -> Decided:
    matches = _matches(confirming)
    match matches:
        case ():
            return Decided((), None)
        case (only,):
            return Decided(matches, only.puid)
        case _:
            return Decided(matches, None, (SEVERAL_FORMATS,))


def _from_unsure(first: Opinion, confirming: tuple[EngineCandidate, ...]) -> Decided:
    found = _from_second(confirming)
    return Decided((*found.matches, *_matches(first.candidates)), found.puid, found.warnings)


def _from_name(candidate: EngineCandidate, confirming: tuple[EngineCandidate, ...]) -> Decided:
    code = candidate.match.puid
    if not confirming:
        return Decided((candidate.match,), code, (BY_EXTENSION_ALONE,))
    others = _matches(confirming)
    if [match.puid for match in others] == [code]:
        return Decided((candidate.match, *others), code)
    warning = f"{DISAGREEMENT} {_in_words(candidate.match)} by its extension, {_listed(others)} by signature"
    return Decided((*others, candidate.match), None, (warning,))


def _from_several(first: Opinion, confirming: tuple[EngineCandidate, ...]) -> Decided:
    candidates = _matches(first.candidates)
    others = _matches(confirming)
    confirmed = [match for match in candidates if match.puid in {other.puid for other in others}]
    if len(confirmed) == 1:
        rest = tuple(match for match in candidates if match is not confirmed[0])
        return Decided((confirmed[0], *others, *rest), confirmed[0].puid)
    if others and not confirmed:
        warning = f"{DISAGREEMENT} {_listed(candidates)}, {_listed(others)}"
        return Decided((*candidates, *others), None, (warning,))
    return Decided((*candidates, *others), None, (SEVERAL_FORMATS,))


def _matches(candidates: tuple[EngineCandidate, ...]) -> tuple[FormatMatch, ...]:
    """Return the candidates' matches, each format once: a format can have several signatures."""
    by_puid: dict[Puid, FormatMatch] = {}
    for candidate in candidates:
        by_puid.setdefault(candidate.match.puid, candidate.match)
    return tuple(by_puid.values())


def _in_words(match: FormatMatch) -> str:
    return f"{match.engine} says {match.puid} ({f'{match.name} {match.version}'.strip()})"


def _listed(matches: tuple[FormatMatch, ...]) -> str:
    return " or ".join(map(_in_words, matches))
