"""Our bags, judged by the Library of Congress's bagit-python and by our own validator."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import bagit
import pytest
from support.packages import POLICY, Drop, a_map_sheet, policy_from

from preservation.bagit.validation import validate
from preservation.model.submissions import DropKind
from preservation.packaging.planning import plan_package


def laid_out(drop: Drop, target: Path) -> Path:
    """Write the plan as a store would."""
    for entry in plan_package(drop.contents(), drop.workspace).entries:
        (target / entry.path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(entry.source, target / entry.path)
    return target


def without_percent_signs(drop: Drop) -> Drop:
    """Leave out what bagit-python 1.9 cannot read: it does not decode %25 (RFC 8493 section 2.1.3)."""
    for records in (drop.found, drop.screened, drop.decisions):
        records[:] = [record for record in records if "%" not in record.path]
    return drop


def a_folder(root: Path) -> Drop:
    return without_percent_signs(a_map_sheet(root))


def a_submitted_bag(root: Path) -> Drop:
    drop = Drop(root, kind=DropKind.BAG)
    drop.add("deep/er/scan.tif", b"one")
    (drop.drop / "bagit.txt").write_bytes(b"BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n")
    (drop.drop / "tags").mkdir()
    (drop.drop / "tags" / "notes.txt").write_bytes(b"notes")
    return drop


def one_with_three_algorithms(root: Path) -> Drop:
    extra = (
        '[packaging]\nalgorithm = "sha512"\nadditional_algorithms = ["sha256", "md5"]\n\n[packaging.bag_info]'
    )
    drop = Drop(root, policy=policy_from(POLICY.replace("[packaging.bag_info]", extra)))
    drop.add("page.tif", b"one")
    drop.add("empty.txt", b"")
    return drop


DROPS = [a_folder, a_submitted_bag, one_with_three_algorithms]


@pytest.mark.parametrize("make", DROPS)
def test_bagit_python_finds_our_bags_valid(tmp_path: Path, make: Callable[[Path], Drop]):
    bag = laid_out(make(tmp_path), tmp_path / "bag")

    assert bagit.Bag(str(bag)).validate()


@pytest.mark.parametrize("make", [*DROPS, a_map_sheet])
def test_our_own_validator_finds_them_valid_whatever_the_names_are(
    tmp_path: Path, make: Callable[[Path], Drop]
):
    verdict = validate(laid_out(make(tmp_path), tmp_path / "bag"))

    assert (verdict.valid, verdict.issues) == (True, ())


def test_the_command_of_bagit_python_agrees_and_notices_a_changed_byte(tmp_path: Path):
    bag = laid_out(a_folder(tmp_path), tmp_path / "bag")
    command = [sys.executable, "-m", "bagit", "--validate", "--quiet", str(bag)]

    assert subprocess.run(command, check=False).returncode == 0
    (bag / "data/originals/sheet 1.tif").write_bytes(b"II*\0 0ne")
    assert subprocess.run(command, check=False, capture_output=True).returncode == 1
