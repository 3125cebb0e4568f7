"""The quarantine of repair: what it received is there, with its record; what it cannot take is an error."""

from __future__ import annotations

import hashlib
from datetime import timedelta
from pathlib import Path

import pytest
from services.small_disks import small_disk
from support.records import MOMENT, package_named

from flows.archive.repair_quarantine import QuarantineRecord, RepairQuarantine
from preservation.errors import StoreFullError, UnavailableError
from preservation.model.identifiers import StoreName
from preservation.model.paths import StoreKey
from preservation.records import Records
from storage.ports.replacers import NOTHING_THERE, OTHER_BYTES

PACKAGE = package_named("maps/Blatt Ü/v1")
KEY = StoreKey(f"{PACKAGE}/data/x.tif")


@pytest.fixture
def quarantine(tmp_path: Path) -> RepairQuarantine:
    return RepairQuarantine(tmp_path / "quarantine/repairs", PACKAGE, StoreName("first"), lambda: MOMENT)


def take(quarantine: RepairQuarantine, key: StoreKey = KEY, content: bytes = b"bad", why: str = OTHER_BYTES):
    with quarantine.receive(key) as file:
        for start in range(0, len(content), 2):
            file.write(memoryview(content)[start : start + 2])
        file.keep(why)


def records(quarantine: RepairQuarantine) -> list[QuarantineRecord]:
    return [
        record
        for path in sorted(quarantine.folder.glob("*.json"))
        for record in Records(path, QuarantineRecord)
    ]


@pytest.mark.parametrize(
    "name",
    [
        "x.tif",
        "n" * 255,
        "../../../outside",
        "line\nbreak",
        "caf\udce9",
        ".json",
        "a.json",
        "\N{COMBINING ACUTE ACCENT}",
    ],
)
def test_whatever_a_file_was_called_it_is_kept_below_the_quarantine(
    quarantine: RepairQuarantine, tmp_path: Path, name: str
):
    key = StoreKey(f"{PACKAGE}/data/{name}")
    take(quarantine, key)
    [record] = records(quarantine)
    [content] = [path for path in quarantine.folder.iterdir() if not path.suffix]
    assert content.read_bytes() == b"bad"
    assert (record.size, record.sha256) == (3, hashlib.sha256(b"bad").hexdigest())
    assert quarantine.has_taken(key, MOMENT)
    assert [path.name for path in tmp_path.iterdir()] == ["quarantine"]
    assert len(list(quarantine.folder.iterdir())) == 2


def test_what_is_taken_from_one_key_again_lies_beside_what_was_taken_before(quarantine: RepairQuarantine):
    for content in (b"bad", b"worse", b"bad"):
        take(quarantine, content=content)
    take(quarantine, content=b"", why=NOTHING_THERE)
    assert [(one.size, one.why) for one in records(quarantine)] == [
        (3, OTHER_BYTES),
        (5, OTHER_BYTES),
        (3, OTHER_BYTES),
        (0, NOTHING_THERE),
    ]
    assert len([path for path in quarantine.folder.iterdir() if not path.suffix]) == 3


def test_what_is_not_kept_is_forgotten_and_so_is_what_a_killed_run_left(quarantine: RepairQuarantine):
    with quarantine.receive(KEY) as file:
        file.write(memoryview(b"sound"))
    assert list(quarantine.folder.iterdir()) == []
    (quarantine.folder / "receiving.part").write_bytes(b"half of it")
    take(quarantine, content=b"bad")
    assert [one.size for one in records(quarantine)] == [3]
    assert len(list(quarantine.folder.iterdir())) == 2


def test_it_knows_what_was_taken_since_a_moment_and_from_which_key(quarantine: RepairQuarantine):
    assert not quarantine.has_taken(KEY, MOMENT)
    take(quarantine)
    assert quarantine.has_taken(KEY, MOMENT)
    assert not quarantine.has_taken(KEY, MOMENT + timedelta(seconds=1))
    assert not quarantine.has_taken(StoreKey(f"{KEY}f"), MOMENT)
    [path] = quarantine.folder.glob("*.json")
    path.write_bytes(b'{"store":')
    assert not quarantine.has_taken(KEY, MOMENT)


def test_a_quarantine_without_room_or_that_cannot_be_written_is_an_error_of_ours(tmp_path: Path):
    (tmp_path / "disk").mkdir()
    with small_disk(tmp_path / "disk", "1m") as disk:
        quarantine = RepairQuarantine(tmp_path / "disk/repairs", PACKAGE, StoreName("first"), lambda: MOMENT)
        with pytest.raises(StoreFullError, match="cannot be kept"):
            take(quarantine, content=bytes(2 << 20))
        assert records(quarantine) == []
        assert list(quarantine.folder.iterdir()) == []
        disk.remount("ro")
        with pytest.raises(UnavailableError, match="see that it can be written"):
            take(quarantine)
