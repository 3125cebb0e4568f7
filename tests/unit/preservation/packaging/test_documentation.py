from __future__ import annotations

import re
import shutil
import subprocess
from dataclasses import replace
from fnmatch import fnmatchcase
from pathlib import Path

import pytest
from support.packages import Drop, a_map_sheet

from preservation.model.digests import Algorithm
from preservation.model.files import SurveyedFile
from preservation.model.identifiers import PackageId, VersionNumber
from preservation.model.locators import Locator
from preservation.model.paths import BagPath
from preservation.model.submissions import DropKind
from preservation.packaging.contents import PackageContents
from preservation.packaging.planning import plan_package
from preservation.policy.schema_files import SchemaFile


@pytest.fixture
def documentation(project: Path) -> str:
    return (project / "docs" / "package.md").read_text(encoding="utf-8")


class LaterVersion(Drop):
    """A drop of which an earlier version holds what it has."""

    def contents(self) -> PackageContents:
        contents = super().contents()
        earlier = {
            found.digests[Algorithm.SHA256]: Locator(
                contents.package, BagPath(f"data/originals/{found.path}")
            )
            for found in self.found
            if isinstance(found, SurveyedFile)
        }
        return replace(
            contents,
            package=PackageId(contents.package.object, VersionNumber(2)),
            earlier=earlier,
        )


def a_later_version(root: Path) -> Drop:
    drop = LaterVersion(root)
    drop.add("page.tif", b"x")
    return drop


def documented_paths(documentation: str) -> list[str]:
    table = documentation.partition("## Every file")[2].partition("##")[0]
    return re.findall(r"^\| `([^`]+)` \|", table, re.MULTILINE)


def test_every_file_of_a_package_is_documented_and_every_documented_file_occurs(
    tmp_path: Path, documentation: str
):
    patterns = [path.replace("…", "*") for path in documented_paths(documentation)]
    bag = Drop(tmp_path / "bag", kind=DropKind.BAG)
    bag.add("page.tif", b"x")
    (beside := tmp_path / "plate-7.tif.md5").write_bytes(b"9dd4e461268c8034f5c8564e155c67a6  plate-7.tif")
    (bag.drop / "bagit.txt").write_bytes(b"BagIt-Version: 1.0\n")
    drops = (a_map_sheet(tmp_path / "folder"), bag, a_later_version(tmp_path / "later"))
    schemas = (SchemaFile("schemas/record.xsd", b"<schema/>"),)
    contents = [
        replace(drop.contents(), sidecars=(beside,), policy=replace(drop.contents().policy, schemas=schemas))
        for drop in drops
    ]
    paths = [
        entry.path
        for drop, held in zip(drops, contents, strict=True)
        for entry in plan_package(held, drop.workspace).entries
    ]

    assert [path for path in paths if not any(fnmatchcase(path, pattern) for pattern in patterns)] == []
    assert [pattern for pattern in patterns if not any(fnmatchcase(path, pattern) for path in paths)] == []


def test_every_label_that_we_write_is_documented(tmp_path: Path, documentation: str):
    drop = a_later_version(tmp_path)
    plan_package(drop.contents(), drop.workspace)
    written = (drop.workspace / "bag" / "bag-info.txt").read_text()
    section = documentation.partition("## bag-info.txt")[2].partition("##")[0]

    labels = [line.partition(":")[0] for line in written.splitlines()]
    assert re.findall(r"^\| `([^`]+)` \|", section, re.MULTILINE) == [
        label for label in labels if label != "Source-Organization"
    ]


def test_the_documented_commands_check_a_package(tmp_path: Path, documentation: str):
    drop = a_map_sheet(tmp_path)
    package = tmp_path / "package"
    for entry in plan_package(drop.contents(), drop.workspace).entries:
        (package / entry.path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(entry.source, package / entry.path)
    checks, encoded = re.findall(r"```sh\n(.*?)```", documentation, re.DOTALL)

    def said(script: str) -> str:
        return subprocess.run(
            ["/bin/sh", "-c", script], cwd=package, capture_output=True, text=True, check=False
        ).stdout

    tags, payload, counted = (said(line) for line in checks.splitlines())
    assert tags == ""
    assert payload.count("FAILED open or read") == 3
    assert counted.strip() == "11"
    assert said(encoded) == ""

    (package / "data/originals/100%.tif").write_bytes(b"changed")
    assert said(encoded) == "DIFFERS data/originals/100%25.tif\n"


def test_the_documented_way_to_complete_a_version_is_the_one_of_its_readme(
    tmp_path: Path, documentation: str
):
    drop = a_later_version(tmp_path)
    plan_package(drop.contents(), drop.workspace)
    [script] = re.findall(r"```python\n(.*?)```", documentation, re.DOTALL)

    assert script in (drop.workspace / "bag" / "README.txt").read_text()
