"""The whole service, killed a few times while drops stream in: a short form, for make soak as well."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from ordeals.storm import Storm
from ordeals.stream import Stream, that_settles_soon
from services.fleets import together
from support.flow_runs import installed

VICTIMS = ("run", "server", "worker", "watcher")


@pytest.mark.soak
def test_however_a_process_of_the_service_is_killed_every_drop_is_accounted_for_once(tmp_path: Path):
    archive = that_settles_soon(installed(tmp_path / "archive", ""), 1)
    with together(archive, tmp_path, MUNIMENT_SERVICE__PAUSES="1,1,1,1,1,1,1,1") as up:
        storm = Storm(up, Stream(archive, random.Random(4), 0.3), random.Random(4), (0.2, 1.5))  # noqa: S311  instants
        storm.blow(VICTIMS, gap=1)
        assert storm.kills.total() == len(VICTIMS), storm.kills
        storm.calm(up.api_url, seconds=200)
        storm.prove(tmp_path / "copied")
