"""XML that comes with drops, the whole way: what is not valid is sent back, and what is valid is kept."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from support.command_runs import NearArchive, run_command
from support.surveys import drop
from support.xml_drops import DATES, SCHEMA, SCHEMAS, a_policy_file, a_record, a_screen

from flows.submission.workspace import Workspace, workspace_root
from preservation.model.digests import HexDigest
from preservation.model.identifiers import CollectionName, ObjectId, ObjectName
from preservation.policy.load import load
from preservation.survey.walk import TreeOutline

PAGE = b"A page of text, long enough to be known as one.\n" * 20
ASKED = a_screen("required = true", 'root = "record"')


@pytest.fixture
def asking(fresh: NearArchive) -> NearArchive:
    """An installation whose policy of images asks for a record in each drop."""
    policy = fresh.directory / "policies" / "digitized-images.toml"
    policy.write_text(policy.read_text().replace("[[screen]]", f"{ASKED}\n[[screen]]", 1))
    drop(policy.parent, SCHEMAS)
    return fresh


def test_a_drop_with_invalid_xml_is_sent_back_and_one_with_valid_xml_is_kept_with_its_schema(
    asking: NearArchive, tmp_path: Path
):
    contents = {
        "valid": {"a.txt": PAGE, "a.xml": a_record("<date>1901-05-31</date>")},
        "invalid": {"a.txt": PAGE, "a.xml": a_record("<date>May</date>")},
        "lacking": {"a.txt": PAGE},
    }
    drops = [drop(tmp_path / name, files) for name, files in contents.items()]

    answers = {one["object"].removeprefix("images/"): one for one in asking.preserve(*drops)}

    assert {name: one["verdict"] for name, one in answers.items()} == {
        "valid": "stored",
        "invalid": "rejected",
        "lacking": "rejected",
    }
    errors = {
        name: [issue["code"] for issue in one["issues"] if issue["severity"] == "error"]
        for name, one in answers.items()
    }
    assert errors["lacking"] == ["DSC-030"]
    receipt = {
        name: json.loads(next((asking.directory / "receipts" / "images" / name).glob("*.json")).read_text())
        for name in ("valid", "invalid")
    }
    files = {file["path"]: file for file in receipt["valid"]["files"]}
    assert files["a.xml"]["valid_by"] == ["schemas/record.xsd"]
    assert receipt["valid"]["passed"]["valid"] == [{"schema": "schemas/record.xsd", "files": 1}]
    broken = {file["path"]: file["issues"] for file in receipt["invalid"]["files"]}["a.xml"]
    assert [issue["code"] for issue in broken] == ["DSC-034"]
    kept = asking.kept()
    below = "images/valid/v1/metadata/policy-schemas/schemas"
    assert {path: kept[path] for path in kept if "/policy-schemas/" in path} == {
        f"{below}/record.xsd": SCHEMA,
        f"{below}/parts/dates.xsd": DATES,
    }
    assert run_command("validate", asking.store("first") / "images" / "valid" / "v1").returncode == 0


def test_a_drop_that_was_sent_back_is_judged_by_the_schema_that_lies_there_when_it_comes_again(
    asking: NearArchive, tmp_path: Path
):
    place = drop(tmp_path / "letters", {"a.txt": PAGE, "a.xml": a_record("<date>May</date>")})
    (first,) = asking.preserve(place)
    lax = DATES.replace(b'base="xs:date"', b'base="xs:string"')
    (asking.directory / "policies" / "schemas" / "parts" / "dates.xsd").write_bytes(lax)
    (second,) = asking.preserve(place)
    assert (first["verdict"], second["verdict"]) == ("rejected", "stored")


def test_a_submission_goes_by_the_schema_that_lay_there_when_it_began(tmp_path: Path):
    path = a_policy_file(tmp_path / "policies", ASKED)
    policy = load(path)
    name = ObjectId(CollectionName("images"), ObjectName("letters"))
    workspace = Workspace(workspace_root(tmp_path / "processing", name))
    outline = TreeOutline(HexDigest("0" * 64), 1, 1)
    workspace.start(name, tmp_path / "letters", outline, policy, datetime(2026, 5, 1, tzinfo=UTC))
    (path.parent / "schemas" / "record.xsd").write_bytes(b"gone")
    assert workspace.policy.reference == policy.reference
    assert workspace.policy.schemas == policy.schemas


def test_the_gate_needs_the_policy_and_its_schemas_and_nothing_else(tmp_path: Path):
    policy = a_policy_file(tmp_path / "contract", ASKED)
    good = drop(tmp_path / "good", {"a.xml": a_record()})
    bad = drop(tmp_path / "bad", {"a.xml": a_record("<place/>"), "b.xml": b"<record>"})
    passed = run_command("gate", "check", good, "--policy", policy)
    assert passed.returncode == 0, passed.stdout
    assert "passed   1 file: valid by schemas/record.xsd, no finding" in passed.stdout
    failed = run_command("gate", "check", bad, "--policy", policy)
    assert failed.returncode == 3
    assert "XML that is not valid by its schema (DSC-034)" in failed.stdout
    assert "a.xml is not valid by schemas/record.xsd: line 3: Element" in failed.stdout


def test_what_is_asked_of_xml_is_explained(tmp_path: Path):
    policy = a_policy_file(tmp_path / "contract", ASKED)
    good = drop(tmp_path / "good", {"a.xml": a_record(), "b.txt": PAGE})
    told = run_command("policy", "explain", policy, good).stdout
    assert "It was held against schemas/record.xsd, and nothing else of it was examined." in told
    assert "A file like *.xml has to be XML that is valid by schemas/record.xsd" in told


def test_checking_a_policy_names_what_is_wrong_with_its_schema(tmp_path: Path):
    policy = a_policy_file(tmp_path, ASKED, schemas={"schemas/record.xsd": SCHEMA})
    told = run_command("policy", "check", policy)
    assert told.returncode == 2
    assert (
        "schemas/parts/dates.xsd, which schemas/record.xsd line 4 names: there is no such file" in told.stdout
    )
