"""Every forgery of a journal, drawn anew at each place that chance can choose.

``MUNIMENT_SOAK_FORGERIES`` says how often each is drawn, ``MUNIMENT_SOAK_SEED`` repeats the draws.
"""

from __future__ import annotations

import os
import secrets
from pathlib import Path

import pytest
from ordeals.forgeries import FORGERIES, Forgery, make_archive, prove

ROUNDS = int(os.environ.get("MUNIMENT_SOAK_FORGERIES", "20"))

pytestmark = [pytest.mark.soak, pytest.mark.timeout(7200)]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("made")
    make_archive(folder)
    return folder


def test_no_forgery_of_a_journal_is_ever_taken_for_a_sound_one(made: Path, tmp_path: Path):
    seed = os.environ.get("MUNIMENT_SOAK_SEED") or secrets.token_hex(4)
    print(f"seed {seed}")  # noqa: T201  what repeats it
    for number in range(ROUNDS):
        for forgery in FORGERIES:
            _prove(forgery, made, tmp_path / f"{number} {forgery.name}", f"{seed} {number} {forgery.name}")


def _prove(forgery: Forgery, made: Path, work: Path, seed: str) -> None:
    work.mkdir()
    try:
        prove(forgery, made, work, seed)
    except BaseException:
        print(f"{forgery.name}: draw {seed!r}, in {work}")  # noqa: T201  what repeats it
        raise
