"""However a drop grows and however often it is looked at: never taken too early, always taken in the end."""

from __future__ import annotations

import shutil
import tempfile
from bisect import bisect_right
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st
from support.inboxes import a_look, answers, terms

from preservation.settling.look import judge
from preservation.settling.settle import Moment, Seen, Settled, Unsettled, settle
from preservation.settling.writing import HeldOpen

QUIET = 30
POLICY = terms(f"settle = {QUIET}")
NOBODY = HeldOpen(frozenset(), 0)

gaps = st.floats(0.001, 400, allow_nan=False)
pauses = st.lists(gaps, max_size=20)


@given(pauses, st.lists(gaps, min_size=1, max_size=80))
def test_a_drop_is_never_settled_while_a_change_lies_less_than_the_quiet_time_back(
    pauses: list[float], steps: list[float]
):
    changes = [0.0]
    for pause in pauses:
        changes.append(changes[-1] + pause)
    seen: Seen | None = None
    moment = 0.0
    for step in steps:
        moment += step
        happened = bisect_right(changes, moment)
        look = a_look(happened, files=happened)
        standing = settle(seen, look, POLICY, Moment(moment), answers())
        seen = standing.seen
        if isinstance(standing, Settled):
            assert moment - changes[happened - 1] >= QUIET
            return


@given(pauses, st.floats(0.01, 100))
def test_a_drop_is_always_settled_once_nothing_changes(pauses: list[float], step: float):
    seen: Seen | None = None
    moment = 0.0
    for number, pause in enumerate(pauses):
        moment += pause
        seen = settle(seen, a_look(number), POLICY, Moment(moment), answers(held="a.tif")).seen
    # Of the ten times the quiet that are asked at most, every look counts for half of one.
    for _ in range(2 * 10 + 1):
        standing = settle(seen, a_look(-1), POLICY, Moment(moment), answers())
        seen = standing.seen
        if isinstance(standing, Settled):
            return
        assert standing.look_again is not None
        moment += max(step, standing.look_again)
    raise AssertionError("it is never taken")


changes_of_trees = st.lists(
    st.tuples(
        st.sampled_from(["write", "remove", "rename", "folder", "wait"]),
        st.sampled_from(["a", "b", "sub/a", "sub/b"]),
    ),
    max_size=15,
)


@settings(deadline=None)
@given(changes_of_trees)
def test_every_change_of_a_real_tree_begins_the_quiet_time_anew(changes: list[tuple[str, str]]):
    root = Path(tempfile.mkdtemp())
    try:
        drop = root / "drop"
        drop.mkdir()
        (drop / "first").write_bytes(b"1")
        seen: Seen | None = None
        moment = 0.0
        for number, (what, name) in enumerate(changes):
            moment += 20
            changed = _change(drop, what, name, number)
            standing = judge(drop, seen, POLICY, Moment(moment), lambda: NOBODY)
            assert isinstance(standing, Unsettled | Settled)
            if changed:
                assert isinstance(standing, Unsettled)
                assert standing.seen.quiet == 0
            seen = standing.seen
    finally:
        shutil.rmtree(root)


def _change(drop: Path, what: str, name: str, number: int) -> bool:
    """Do something to a drop; say whether it did anything."""
    path = drop / name
    match what:
        case "write":
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(b"x" * number)
        case "remove" if path.exists():
            path.unlink()
        case "rename" if path.exists():
            path.rename(path.with_name(f"{path.name}-{number}"))
        case "folder":
            (drop / f"folder-{number}").mkdir()
        case _:
            return False
    return True
