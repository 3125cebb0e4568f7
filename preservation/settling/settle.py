"""Whether a drop is complete, going by what several looks at it found. Pure; time is a monotonic clock's."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import Final, NewType

from preservation.model.amounts import byte_size, count
from preservation.model.paths import RelativePath, printable
from preservation.policy.intake import CompleteWhen
from preservation.settling.tally import Look, TreeSignature
from preservation.settling.terms import LONGEST_QUIET, PAUSES_ASKED, SettlingTerms

Moment = NewType("Moment", float)
"""Seconds of a clock that is never set (``time.monotonic``); only differences mean anything."""

_LOOKS: Final = 6
"""So often a drop is looked at while it is quiet, so that a user can ask what it waits for."""

_LOOKS_IN_QUIET: Final = 2
"""Of the time between two looks so large a part of the quiet counts at most.

If everything stands still for a while, this process included (a share that does not answer, a machine that
was suspended), the writer stood still too.
"""


class WaitingFor(StrEnum):
    """What keeps a drop from being complete."""

    ACCESS = "access"
    CONTENT = "content"
    RENAMING = "renaming"
    GROWTH = "growth"
    QUIET = "quiet"
    SENTINEL = "sentinel"
    MANIFEST = "manifest"
    METADATA = "metadata"
    WRITER = "writer"


@dataclass(frozen=True, slots=True)
class Seen:
    """What is remembered of a drop from one look to the next.

    ``quiet`` is for how many seconds it was seen unchanged, ``longest_pause`` the longest such time that
    ended with a change, ``grew`` whether the last change was an increase. ``lacking`` is what its manifests
    lack, ``None`` where they were not asked since it changed.
    """

    signature: TreeSignature
    files: int
    bytes: int
    looked: Moment
    quiet: float = 0.0
    longest_pause: float = 0.0
    changed: bool = False
    grew: bool = False
    lacking: str | None = None


@dataclass(frozen=True, slots=True)
class Settled:
    """The drop is complete. ``sentinels`` are the files beside it that are taken with it.

    They announced it, or are the manifests of a drop of one file.
    """

    seen: Seen
    sentinels: tuple[Path, ...]


@dataclass(frozen=True, slots=True)
class Unsettled:
    """The drop is not complete, and why.

    ``look_again`` is the number of seconds after which another look can bring it on by itself; ``None``
    where only a change of the drop can.
    """

    seen: Seen
    reason: WaitingFor
    sentence: str
    look_again: float | None


@dataclass(frozen=True, slots=True)
class Questions:
    """What is asked only where all else shows a drop complete.

    ``lacking`` says what its manifests lack, ``""`` where nothing; ``held`` names a file in it that some
    process holds open for writing.
    """

    lacking: Callable[[], str]
    held: Callable[[], RelativePath | None]


def settle(
    seen: Seen | None, look: Look, terms: SettlingTerms, moment: Moment, questions: Questions
) -> Settled | Unsettled:
    """Say whether the drop is complete. ``look`` was begun at ``moment``, ``seen`` is from the look before.

    It is never complete at its first look, nor while a change lies less than the quiet time back.
    """
    seen = _followed(seen, look, terms, moment)
    unsettled = _by_looks(seen, look, terms) or _by_signs(seen, look, terms)
    if unsettled is not None:
        return unsettled
    if terms.complete_when is CompleteWhen.MANIFEST and look.is_folder:
        if seen.lacking is None:
            seen = replace(seen, lacking=questions.lacking() if look.manifests else "for a manifest")
        if seen.lacking:
            return Unsettled(seen, WaitingFor.MANIFEST, _lacking(look, seen.lacking), None)
    held = questions.held()
    if held is not None:
        sentence = f"waiting: {printable(held or look.name)} is still open in a program that writes to it"
        return Unsettled(seen, WaitingFor.WRITER, sentence, _longest_gap(terms))
    return Settled(seen, (*look.sentinels_beside, *look.sidecars_beside))


def quiet_asked(seen: Seen, terms: SettlingTerms) -> float:
    """Return for how many seconds nothing may change: longer where a longer pause was none for good.

    A user who puts a sentinel says that there is no further pause.
    """
    if terms.complete_when is CompleteWhen.SENTINEL:
        return terms.quiet
    return max(terms.quiet, min(PAUSES_ASKED * seen.longest_pause, LONGEST_QUIET * terms.quiet))


def _followed(seen: Seen | None, look: Look, terms: SettlingTerms, moment: Moment) -> Seen:
    if seen is None:
        return Seen(look.signature, look.files, look.bytes, moment)
    if look.fault:
        return replace(seen, looked=moment, quiet=0.0)
    # A clock that went back belongs to another start of the machine.
    gap = min(max(moment - seen.looked, 0.0), _longest_gap(terms))
    quiet = seen.quiet + gap
    if look.signature == seen.signature:
        return replace(seen, looked=moment, quiet=quiet)
    # A folder that was made and filled later did not grow in between.
    pause = quiet if seen.files else 0.0
    return Seen(
        look.signature,
        look.files,
        look.bytes,
        moment,
        longest_pause=max(seen.longest_pause, pause),
        changed=True,
        grew=(look.files, look.bytes) > (seen.files, seen.bytes),
    )


def _by_looks(seen: Seen, look: Look, terms: SettlingTerms) -> Unsettled | None:
    if look.fault:
        sentence = f"waiting: it cannot be looked into ({look.fault}); see to its permissions, or to its disk"
        return Unsettled(seen, WaitingFor.ACCESS, sentence, _longest_gap(terms))
    if not look.has_content and not look.announced:
        return Unsettled(seen, WaitingFor.CONTENT, "waiting: there is nothing in it yet", None)
    asked = quiet_asked(seen, terms)
    again = min(asked - seen.quiet, terms.quiet / _LOOKS) if seen.quiet < asked else None
    if look.temporaries:
        sentence = _unfinished(look, at_rest=again is None)
        return Unsettled(seen, WaitingFor.RENAMING, sentence, again)
    if again is None:
        return None
    # A pause like those before must not be taken for the end.
    if seen.changed and seen.quiet <= seen.longest_pause:
        sentence = f"waiting: {_amount(look)}, still {'growing' if seen.grew else 'changing'}"
        return Unsettled(seen, WaitingFor.GROWTH, sentence, again)
    sentence = f"waiting: {_amount(look)}, unchanged for {seen.quiet:.0f} of {asked:.0f} seconds"
    return Unsettled(seen, WaitingFor.QUIET, sentence, again)


def _by_signs(seen: Seen, look: Look, terms: SettlingTerms) -> Unsettled | None:
    if terms.complete_when is CompleteWhen.SENTINEL and not look.announced:
        return Unsettled(seen, WaitingFor.SENTINEL, _unannounced(look, terms), None)
    if terms.complete_when is CompleteWhen.METADATA and look.is_folder and not look.metadata:
        sentence = _lacking(look, f"for {_any_of(terms.metadata.patterns)}")
        return Unsettled(seen, WaitingFor.METADATA, sentence, None)
    return None


def _longest_gap(terms: SettlingTerms) -> float:
    return terms.quiet / _LOOKS_IN_QUIET


def _unfinished(look: Look, *, at_rest: bool) -> str:
    others = look.temporaries - 1
    names = printable(look.temporary or "") + (f" and {others:,} more" if others else "")
    if at_rest:
        left, them = ("were", "them") if others else ("was", "it")
        return f"waiting: {names} {left} left unfinished; finish the copy, or take {them} away"
    return f"waiting: {names} {'are' if others else 'is'} still being written"


def _unannounced(look: Look, terms: SettlingTerms) -> str:
    names = terms.signs if look.is_folder else [f"{look.name}{ending}" for ending in terms.sentinels_beside]
    return _lacking(look, f"for {_any_of(names)}")


def _lacking(look: Look, what: str) -> str:
    return f"waiting {what} ({_amount(look)} so far)"


def _amount(look: Look) -> str:
    return f"{count(look.files, 'file')}, {byte_size(look.bytes)}"


def _any_of(names: Sequence[str]) -> str:
    *others, last = map(printable, names)
    return f"{', '.join(others)} or {last}" if others else last
