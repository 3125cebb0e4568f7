from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from support.packages import Drop, a_map_sheet

from preservation.packaging.planning import plan_package


def a_package(drop: Drop, target: Path) -> Path:
    for entry in plan_package(drop.contents(), drop.workspace).entries:
        (target / entry.path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(entry.source, target / entry.path)
    return target


def commands(readme: str) -> list[str]:
    """The indented commands of the section that says how to check."""
    section = readme.partition("HOW TO CHECK IT")[2].partition("WHAT IS WHERE")[0]
    return re.findall(r"(?:^    .*\n)+", section, re.MULTILINE)


def run(script: str, folder: Path) -> subprocess.CompletedProcess[str]:
    environment = {"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8"}
    return subprocess.run(
        ["/bin/sh", "-c", script], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )


def a_plain_drop(root: Path) -> Drop:
    drop = Drop(root)
    drop.add("page 1.tif", b"one")
    drop.add("sub/back\\slash.tif", b"two")
    drop.add("名.tif", b"three")
    return drop


def test_the_commands_say_nothing_of_a_whole_package_and_count_its_files(tmp_path: Path):
    package = a_package(a_plain_drop(tmp_path), tmp_path / "package")
    readme = (package / "README.txt").read_text()
    (checks,) = commands(readme)

    done = run(checks, package)

    assert (done.returncode, done.stderr, done.stdout.strip()) == (0, "", "3")
    assert "there must be 3." in readme


@pytest.mark.parametrize(
    "damaged", ["data/originals/page 1.tif", "metadata/premis.xml", "manifest-sha256.txt"]
)
def test_the_commands_name_a_damaged_file(tmp_path: Path, damaged: str):
    package = a_package(a_plain_drop(tmp_path), tmp_path / "package")
    content = bytearray((package / damaged).read_bytes())
    content[0] ^= 1
    (package / damaged).write_bytes(content)
    (checks,) = commands((package / "README.txt").read_text())

    assert damaged in run(checks, package).stdout


def test_names_with_percent_signs_and_line_breaks_are_checked_by_the_last_command(tmp_path: Path):
    package = a_package(a_map_sheet(tmp_path), tmp_path / "package")
    readme = (package / "README.txt").read_text()
    checks, encoded = commands(readme)

    assert "(3 of them)" in readme
    assert "FAILED open or read" in run(checks, package).stdout
    assert run(encoded, package).stdout == ""

    (package / "data/originals/line\nbreak.tif").write_bytes(b"changed")
    assert run(encoded, package).stdout == "DIFFERS data/originals/line%0Abreak.tif\n"


def test_a_package_without_such_names_says_nothing_about_them(tmp_path: Path):
    readme = (a_package(a_plain_drop(tmp_path), tmp_path / "package") / "README.txt").read_text()

    assert "percent" not in readme


def test_a_package_with_names_that_bagit_cannot_read_says_so_and_claims_no_more(tmp_path: Path):
    drop = a_plain_drop(tmp_path)
    drop.add("ends ", b"four")
    drop.add("next\u0085line.tif", b"five")
    package = a_package(drop, tmp_path / "package")
    readme = (package / "README.txt").read_text()
    (checks,) = commands(readme)

    assert "2 files below data/ have a name" in readme
    assert run(checks, package).stdout.strip() == "5"


def test_a_plain_package_does_not_mention_bagit(tmp_path: Path):
    readme = (a_package(a_plain_drop(tmp_path), tmp_path / "package") / "README.txt").read_text()

    assert "bagit.py" not in readme


def test_the_readme_names_the_object_the_policy_and_what_is_where(tmp_path: Path):
    drop = a_map_sheet(tmp_path)
    readme = (a_package(drop, tmp_path / "package") / "README.txt").read_text()

    assert readme.startswith("maps/sheet-012, version 1\n")
    assert str(drop.policy.reference) in readme
    assert "data/originals/         exactly what was handed in: 10 files" in readme
