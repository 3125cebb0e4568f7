"""Audits that are killed at random instants: the next one goes on, and all damage is found, each once.

``MUNIMENT_SOAK_KILLS`` says how many times; ``MUNIMENT_SOAK_SEED`` repeats the instants of a run.
"""

from __future__ import annotations

import json
import os
import random
import secrets
import subprocess
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest
from support.archives import MUNIMENT, Archive

from flows.installation.settings_file import load_settings
from flows.installation.wiring import open_installation

FILES = 2_000
DROPS = 12
KILLS = int(os.environ.get("MUNIMENT_SOAK_KILLS", "40"))
SEED = os.environ.get("MUNIMENT_SOAK_SEED") or secrets.token_hex(4)

pytestmark = [pytest.mark.soak, pytest.mark.timeout(3 * 60 * 60)]


def test_audits_that_are_killed_find_all_damage_and_each_once(archive: Archive, tmp_path: Path):
    print(f"MUNIMENT_SOAK_SEED={SEED}")  # noqa: T201  pytest shows it where the test fails
    chance = random.Random(SEED)  # noqa: S311  instants, not secrets
    drops = [drop_of(tmp_path / "drops" / f"drop-{number}", FILES // DROPS**2) for number in range(DROPS)]
    drops.append(drop_of(tmp_path / "drops" / "large", FILES))
    assert archive.run("preserve", *drops, "--collection", "files").returncode == 0
    truth = injure(archive, chance)
    began = time.monotonic()
    assert archive.run("audit", "--all").returncode == 4
    whole = time.monotonic() - began
    killed = 0
    for number in range(KILLS):
        before = datetime.now(UTC).isoformat()
        while was_killed(archive, before, chance.uniform(0.2, 1.5) * whole):
            killed += 1
        found = archive.run("damage", "--json")
        told = [json.loads(line) for line in found.stdout.splitlines()]
        assert {(one["store"], one["package"], one["path"]): one["kind"] for one in told} == truth, SEED
        assert len(told) == len(truth), SEED
        if number % 10 == 0:
            assert archive.run("journal", "verify").returncode == 0, SEED
    with open_installation(load_settings(archive.directory)) as opened:
        assert opened.audits.claimants() == (), SEED
        ends = [entry for entry in opened.journal.about() if "read from where they rest" in entry.detail]
    # Each replica was read as a whole once a round, however often the audit of the round was killed.
    assert len(ends) == (1 + KILLS) * 2 * len(drops), SEED
    assert killed, SEED


def drop_of(folder: Path, files: int) -> Path:
    folder.mkdir(parents=True)
    for number in range(files):
        (folder / f"page {number}.txt").write_text(f"page {number} of {folder.name}")
    return folder


def injure(archive: Archive, chance: random.Random) -> dict[tuple[str, str, str], str]:
    """Damage some files of both stores, never the same one in both; return what is damaged, and how."""
    truth: dict[tuple[str, str, str], str] = {}
    files = sorted(key for key in archive.kept() if "/data/" in key)
    for key in chance.sample(files, 60):
        store = chance.choice(("first", "second"))
        path = archive.store(store) / key
        path.parent.chmod(0o750)
        path.chmod(0o640)
        package, inside = "/".join(key.split("/", 3)[:3]), key.split("/", 3)[3]
        match chance.randrange(3):
            case 0:
                path.write_bytes(path.read_bytes() + b"!")
                truth[store, package, inside] = "mismatched"
            case 1:
                path.unlink()
                truth[store, package, inside] = "missing"
            case _:
                path.with_name(f"{path.name}.added").write_bytes(b"")
                truth[store, package, f"{inside}.added"] = "unexpected"
    return truth


def was_killed(archive: Archive, before: str, seconds: float) -> bool:
    """Run an audit, and kill it after so many seconds; return whether that was before its end."""
    command = [MUNIMENT, "audit", "--before", before, "-C", archive.directory]
    with subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=archive.environment
    ) as audit:
        try:
            code = audit.wait(seconds)
        except subprocess.TimeoutExpired:
            audit.kill()
            return True
    assert code in {0, 4}, (code, SEED)
    return False
