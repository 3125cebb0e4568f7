"""From the engines' opinions to one decision. Nothing is opened here."""

from dataclasses import dataclass

from preservation.identification.opinions import EngineCandidate, Opinion
from preservation.model.formats import FormatMatch, Puid

BY_EXTENSION_ALONE = "rests on the extension alone"
SEVERAL_FORMATS = "more than one format is possible"
DISAGREEMENT = "engines disagree:"
"""Warnings that begin so are taken up as an issue by screening."""


@dataclass(frozen=True, slots=True)
class Decided:
    """The matches, the decided one first; the decision, if there can be one; and our own warnings."""

    matches: tuple[FormatMatch, ...]
    puid: Puid | None
    warnings: tuple[str, ...] = ()


def in_doubt(first: Opinion) -> bool:
    """Say whether a second opinion is wanted: no candidate, more than one, or one by its name only."""
    return len(first.candidates) != 1 or not first.candidates[0].by_signature


def decide(first: Opinion, second: Opinion | None) -> Decided:
    """Decide what the file is. ``second`` is ``None`` where no second engine was asked.

    One candidate by signature stands. A candidate by name alone stands, with a warning, unless a signature
    is that of another format. Of several candidates, that one stands which the second opinion confirms.
    Where the first engine is silent, the second's single candidate by signature stands. Otherwise
    nothing is decided, and candidates by the bytes come before candidates by the name.
    """
    confirming = second.by_signature if second is not None else ()
    match first.candidates:
        case ():
            return _from_second(confirming)
        case (candidate,) if candidate.by_signature:
            return Decided((candidate.match,), candidate.match.puid)
        case (candidate,):
            return _from_name(candidate, confirming)
        case _:
            return _from_several(first, confirming)


def _from_second(confirming: tuple[EngineCandidate, ...]) -> Decided:
    matches = _matches(confirming)
    match matches:
        case ():
            return Decided((), None)
        case (only,):
            return Decided(matches, only.puid)
        case _:
            return Decided(matches, None, (SEVERAL_FORMATS,))


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
