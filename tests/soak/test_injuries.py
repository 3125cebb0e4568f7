"""A thousand injuries to a store: each is found, called by its name and healed, and nothing else is accused.

``MUNIMENT_SOAK_KILLS`` says how many rounds of 25, a quarter of them where the store is a bucket;
``MUNIMENT_SOAK_SEED`` repeats those of a run.
"""

from __future__ import annotations

import json
import os
import random
import secrets
from collections.abc import Callable
from pathlib import Path

import pytest
from services.buckets import new_address
from support.archives import Archive
from support.bucket_archives import fetched, put_second_store_into
from support.replica_damage import damages_between

from preservation.model.identifiers import StoreName

DROPS = 30
FILES = 12
TOGETHER = 25
ROUNDS = int(os.environ.get("MUNIMENT_SOAK_KILLS", "40"))
SEED = os.environ.get("MUNIMENT_SOAK_SEED") or secrets.token_hex(4)
APPROVAL = ("--by", "A. Turner", "--because", "a rehearsal")

pytestmark = [pytest.mark.soak, pytest.mark.timeout(3 * 60 * 60)]


def folder(archive: Archive, _: Path) -> Callable[[], dict[str, bytes]]:
    """Leave the second store a folder; return what reads it."""
    return lambda: archive.kept("second")


def bucket(archive: Archive, copy: Path) -> Callable[[], dict[str, bytes]]:
    """Make the second store a bucket of Ceph; return what reads it."""
    address = new_address()
    put_second_store_into(archive, address)

    def kept() -> dict[str, bytes]:
        found = fetched(address, copy)
        packages = (path for path in found.rglob("*/*/v*/**/*") if path.is_file())
        return {str(path.relative_to(found)): path.read_bytes() for path in packages}

    return kept


@pytest.mark.parametrize(
    ("second", "rounds"), [(folder, ROUNDS), (bucket, -(-ROUNDS // 4))], ids=["folder", "bucket"]
)
def test_every_injury_is_found_and_healed_and_nothing_else_is_accused(
    archive: Archive,
    tmp_path: Path,
    second: Callable[[Archive, Path], Callable[[], dict[str, bytes]]],
    rounds: int,
):
    print(f"MUNIMENT_SOAK_SEED={SEED}")  # noqa: T201  pytest shows it where the test fails
    chance = random.Random(SEED)  # noqa: S311  injuries, not secrets
    kept = second(archive, tmp_path / "copy")
    settings = archive.directory / "muniment.toml"
    for_rehearsal = settings.read_text().replace('name = "second"\n', 'name = "second"\nrehearsal = true\n')
    settings.write_text(for_rehearsal)
    drops = [drop_of(tmp_path / "drops" / f"drop-{number}", chance) for number in range(DROPS)]
    assert archive.run("preserve", *drops, "--collection", "files").returncode == 0
    before = kept()
    injured = 0
    for _ in range(rounds):
        injure(archive, chance.randrange(1 << 30))
        found = damages_between(StoreName("second"), before, kept())
        truth = {(str(one.package), one.path): one.kind.value for one in found}
        injured += len(truth)
        assert archive.run("audit", "--all").returncode == 4, SEED
        told = [json.loads(line) for line in archive.run("damage", "--json").stdout.splitlines()]
        assert {(one["package"], one["path"]): one["kind"] for one in told} == truth, SEED
        assert {one["store"] for one in told} == {"second"}, SEED
        numbers = [str(one["number"]) for one in told]
        assert archive.run("repair", "approve", *numbers, *APPROVAL).returncode == 0, SEED
        repaired = archive.run("repair", "--all")
        assert repaired.returncode == 0, (SEED, repaired.stdout)
        assert kept() == before, SEED
        assert archive.run("audit", "--all").returncode == 0, SEED
        assert archive.run("damage").returncode == 0, SEED
    assert injured >= rounds * TOGETHER, SEED
    assert archive.run("journal", "verify").returncode == 0, SEED


def injure(archive: Archive, seed: int) -> None:
    done = archive.run("chaos", "--store", "second", "--seed", str(seed), "--count", str(TOGETHER))
    assert done.returncode == 0, (SEED, done.stderr)


def drop_of(folder: Path, chance: random.Random) -> Path:
    folder.mkdir(parents=True)
    for number in range(FILES):
        content = chance.randbytes(chance.choice((1, 100, 5000, 200_000)))
        (folder / f"page {number}.bin").write_bytes(content)
    return folder
