"""Another process exchanges parts of drops for links that lead out, for as long as they are on their way.

``MUNIMENT_SOAK_EXCHANGED`` says how many drops; the seed is printed, and ``MUNIMENT_SOAK_SEED`` repeats it.
"""

from __future__ import annotations

import os
import random
import secrets
from pathlib import Path

import pytest
from ordeals.exchange import OWN, dropped, exchange_of, exchanged_again_and_again, preserve_while, traces

from flows.installation.init import make_installation
from flows.installation.settings_file import load_settings
from flows.installation.wiring import open_installation
from flows.submission.answer import SubmissionResult
from preservation.model.verdicts import Verdict

DROPS = int(os.environ.get("MUNIMENT_SOAK_EXCHANGED", "300"))

PARTS = ("", "letters", "letters/1914", "letters/1914/a.txt", "metadata.csv")
OF_A_BAG = ("", "data", "data/letters", "data/letters/1914/a.txt", "manifest-sha256.txt", "bag-info.txt")

pytestmark = [pytest.mark.soak, pytest.mark.timeout(7200)]


def test_whatever_is_exchanged_for_links_nothing_from_outside_of_a_drop_is_kept(tmp_path: Path):
    seed = os.environ.get("MUNIMENT_SOAK_SEED") or secrets.token_hex(4)
    print(f"seed {seed}")  # noqa: T201  repeats the draw
    draw = random.Random(seed)  # noqa: S311  no secret is drawn
    make_installation(tmp_path / "archive")
    with open_installation(load_settings(tmp_path / "archive"), (tmp_path,)) as installation:
        stores = installation.settings.directory / "stores"
        for number in range(DROPS):
            as_bag = draw.random() < 0.5
            drop = dropped(tmp_path / f"drop-{number}", as_bag=as_bag)
            swap = exchange_of(drop, draw.choice(OF_A_BAG if as_bag else PARTS))
            with exchanged_again_and_again(swap, draw):
                result = preserve_while(installation, drop)
            assert traces(installation.settings.directory) == [], f"drop {number}"
            if isinstance(result, SubmissionResult) and result.ending.verdict is Verdict.STORED:
                kept = [*(stores / "first" / "files" / drop.name).rglob("letters/1914/*.txt")]
                assert [path.read_text() for path in kept] == [OWN, OWN], f"drop {number}"
