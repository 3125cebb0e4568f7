"""Services that are killed while they take drops and answer them; then every drop is accounted for once."""

from __future__ import annotations

import multiprocessing
import os
import random
import time
from pathlib import Path

import pytest
from support.forks import forked
from support.takes import MAPS, NOON, an_area, contents, found_complete, takes_in, told_of

from flows.inboxes.answer import place
from flows.inboxes.folder.take import take
from flows.inboxes.recover import recover
from flows.installation.areas import Area
from preservation.model.verdicts import Verdict

_DROPS = 400
_SERVICES = 3
_KILLS = 60
_VERDICTS = (Verdict.STORED, Verdict.REJECTED, Verdict.ALREADY_KEPT)


def serve(root: Path) -> None:
    """Take and answer what there is until nothing is left: the service without the work between."""
    area = Area(root / "area", own=True)
    while True:
        recover(area)
        waiting = sorted((area.inbox / MAPS).iterdir())
        for drop in waiting[:5]:
            try:
                take(found_complete(area, drop), NOON)
            except FileNotFoundError:
                continue
        taken = list(takes_in(area))
        for one in taken:
            told = told_of(one, verdict_of(one.name), root / "receipts")
            place(told, one)
        if not waiting and not taken:
            return


def verdict_of(name: str) -> Verdict:
    return _VERDICTS[int(name.rpartition("-")[2]) % len(_VERDICTS)]


def test_however_often_services_are_killed_every_drop_is_accounted_for_once(tmp_path: Path):
    area = an_area(tmp_path / "area")
    (tmp_path / "receipts").mkdir()
    content = {}
    for number in range(_DROPS):
        drop = area.inbox / MAPS / f"drop-{number}"
        drop.mkdir()
        (drop / "page.txt").write_text(f"page of {number}")
        content[drop.name] = contents(drop)
    source = random.Random(4)  # noqa: S311  the same instants again
    kills = 0
    while kills < _KILLS and any((area.inbox / MAPS).iterdir()):
        services = [forked(serve, tmp_path) for _ in range(_SERVICES)]
        for service in services:
            service.start()
        for service in services:
            time.sleep(source.uniform(0, 0.03))
            service.kill()
            service.join()
            kills += service.exitcode != 0
    last = forked(serve, tmp_path)
    last.start()
    last.join(60)
    assert last.exitcode == 0
    for folder in area.taken.iterdir():
        # Those that do not even say what they were to be are somebody's for a minute.
        os.utime(folder, (0, 0))
    recover(area)

    assert kills >= _KILLS / 4, "the machine is too fast for this many drops"
    found = {
        folder.name: (answer, contents(folder))
        for answer in ("accepted", "rejected", "quarantine")
        for folder in (area.root / answer).glob("*/*/")
    }
    assert {name: files for name, (_, files) in found.items()} == content
    for name, (answer, _) in found.items():
        rejected = verdict_of(name) is Verdict.REJECTED
        assert answer == ("rejected" if rejected else "accepted")
        beside = area.root / answer / MAPS / name
        assert beside.with_name(f"{name}.receipt.html").is_file()
        assert beside.with_name(f"{name}.kept.json").is_file() is not rejected
    assert list(area.taken.iterdir()) == []
    assert not any((area.inbox / MAPS).iterdir())


@pytest.fixture(autouse=True)
def _no_children_left() -> None:
    """A service that outlives its test would take the drops of the next one."""
    assert multiprocessing.active_children() == []
