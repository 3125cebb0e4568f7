"""The whole service under SIGKILLs, dozens of them, while drops stream in: every drop accounted for once.

``MUNIMENT_SOAK_SERVICE_KILLS`` says how many times in all; ``MUNIMENT_SOAK_SEED`` repeats the draw of a run.
"""

from __future__ import annotations

import os
import random
import secrets
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from ordeals.storm import Storm
from ordeals.stream import Stream, that_settles_soon
from services.fleets import Fleet, apart, together
from support.flow_runs import installed

KILLS = int(os.environ.get("MUNIMENT_SOAK_SERVICE_KILLS", "72"))
SEED = os.environ.get("MUNIMENT_SOAK_SEED") or secrets.token_hex(4)
_GAP_SECONDS = 2.0
_CALM_SECONDS = 400
_SHARES = {"run": 8, "watcher": 4, "worker": 5, "server": 3, "up": 2}
FLEETS = {"up": together, "watch and two workers": apart}

pytestmark = [pytest.mark.soak, pytest.mark.timeout(60 * 60)]


@pytest.mark.parametrize("how", FLEETS)
def test_however_often_processes_of_the_service_are_killed_every_drop_is_accounted_for_once(
    how: str, tmp_path: Path, record_property: Callable[[str, object], None]
):
    began = time.monotonic()
    seed = f"{SEED}/{how}"
    print(f"seed {seed}")  # noqa: T201  pytest shows it where the test fails
    source = random.Random(seed)  # noqa: S311  instants, no secret
    archive = that_settles_soon(installed(tmp_path / "archive", ""), 2)
    calm_seconds = 0.0
    with FLEETS[how](archive, tmp_path, MUNIMENT_SERVICE__PAUSES=",".join(["2"] * 20)) as fleet:
        storm = Storm(fleet, Stream(archive, random.Random(f"{seed}/drops")), source)  # noqa: S311  likewise
        try:
            victims = _victims(fleet, source)
            storm.blow(victims, _GAP_SECONDS)
            calm_since = time.monotonic()
            storm.calm(fleet.api_url, _CALM_SECONDS)
            calm_seconds = time.monotonic() - calm_since
            sent = storm.prove(tmp_path / "copied")
        finally:
            record_property(
                "storm",
                {
                    "service": how,
                    "kills": dict(storm.kills),
                    "drops": len(storm.stream.sent),
                    "rejected": sum(not one.fit for one in storm.stream.sent),
                    "all answered after (s)": round(calm_seconds),
                    "seconds": round(time.monotonic() - began),
                    "seed": SEED,
                },
            )
    assert storm.kills.total() >= KILLS // len(FLEETS) * 9 // 10, storm.kills
    # Who is looked for twice and never found is looked for in the wrong place.
    assert {victim for victim in victims if victims.count(victim) > 1} <= storm.kills.keys(), storm.kills
    assert len({one.collection for one in sent}) == 2


def _victims(fleet: Fleet, source: random.Random) -> list[str]:
    there = [victim for victim in _SHARES if victim in ("run", *fleet.victims)]
    weights = [_SHARES[victim] for victim in there]
    return source.choices(there, weights, k=KILLS // len(FLEETS))
