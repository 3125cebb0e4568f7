"""One drop, looked at and judged, with everything asked that the judgement may need."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from preservation.settling.look import look_at, reason_of
from preservation.settling.promised import what_is_lacking
from preservation.settling.settle import Moment, Questions, Seen, Settled, Unsettled, settle
from preservation.settling.tally import Look
from preservation.settling.terms import SettlingTerms
from preservation.settling.writing import HeldOpen, file_held_in


def judge(
    drop: Path, seen: Seen | None, terms: SettlingTerms, moment: Moment, held: Callable[[], HeldOpen]
) -> Settled | Unsettled | None:
    """Look at ``drop`` now, which is ``moment``, and say whether it is complete; ``None`` where it is gone.

    ``held`` is asked only where all else speaks for the drop, and may answer for a whole sweep.
    """
    look = look_at(drop, terms)
    if look is None:
        return None
    standing = _standing(drop, seen, look, terms, moment, held)
    if isinstance(standing, Unsettled):
        return standing
    # Whoever wrote and closed a file after the look, and before the question who holds one, is seen only now.
    after = look_at(drop, terms)
    if after is None or after == look:
        return None if after is None else standing
    return _standing(drop, standing.seen, after, terms, moment, held)


def _standing(
    drop: Path,
    seen: Seen | None,
    look: Look,
    terms: SettlingTerms,
    moment: Moment,
    held: Callable[[], HeldOpen],
) -> Settled | Unsettled:
    questions = Questions(
        lacking=lambda: what_is_lacking(drop),
        held=lambda: file_held_in(drop, held()),
    )
    try:
        return settle(seen, look, terms, moment, questions)
    except OSError as error:
        # A manifest cannot be read: the look was not a whole one, and is made again.
        return settle(seen, replace(look, fault=reason_of(error)), terms, moment, questions)
