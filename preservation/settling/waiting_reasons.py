"""What waits, and what for, in words for the people who dropped it."""

from collections.abc import Sequence

from preservation.model.amounts import byte_size, count
from preservation.model.paths import RelativePath, printable
from preservation.settling.tally import Look
from preservation.settling.terms import SettlingTerms


def inaccessible(look: Look) -> str:
    """Say that the drop cannot be looked at."""
    return f"waiting: it cannot be looked into ({look.fault}); see to its permissions, or to its disk"


def empty() -> str:
    """Say that nothing was put into the folder yet."""
    return "waiting: there is nothing in it yet"


def unfinished(look: Look, *, at_rest: bool) -> str:
    """Say that something has a name under which programs write what is not finished."""
    others = look.temporaries - 1
    names = printable(look.temporary or "") + (f" and {others:,} more" if others else "")
    several = bool(others)
    if at_rest:
        left = "were" if several else "was"
        return f"waiting: {names} {left} left unfinished; finish the copy, or take {_them(several)} away"
    return f"waiting: {names} {'are' if several else 'is'} still being written"


def changing(look: Look, *, grew: bool) -> str:
    """Say that it does not keep still."""
    return f"waiting: {_amount(look)}, still {'growing' if grew else 'changing'}"


def resting(look: Look, quiet: float, asked: float) -> str:
    """Say for how many seconds it has kept still, of how many."""
    return f"waiting: {_amount(look)}, unchanged for {quiet:.0f} of {asked:.0f} seconds"


def unannounced(look: Look, terms: SettlingTerms) -> str:
    """Say that its sentinel is missing."""
    names = terms.signs if look.is_folder else [f"{look.name}{ending}" for ending in terms.sentinels_beside]
    return lacking(look, f"for {_any_of(names)}")


def undescribed(look: Look, terms: SettlingTerms) -> str:
    """Say that its metadata is missing."""
    return lacking(look, f"for {_any_of(terms.metadata.patterns)}")


def lacking(look: Look, what: str) -> str:
    """Say what is not there yet; ``what`` begins with *for* or *until*."""
    return f"waiting {what} ({_amount(look)} so far)"


def held_open(look: Look, file: RelativePath) -> str:
    """Say that a program holds a file open; ``""`` is the drop itself."""
    return f"waiting: {printable(file or look.name)} is still open in a program that writes to it"


def _amount(look: Look) -> str:
    return f"{count(look.files, 'file')}, {byte_size(look.bytes)}"


def _any_of(names: Sequence[str]) -> str:
    *others, last = map(printable, names)
    return f"{', '.join(others)} or {last}" if others else last


def _them(several: bool) -> str:  # noqa: FBT001  one word of one sentence
    return "them" if several else "it"
