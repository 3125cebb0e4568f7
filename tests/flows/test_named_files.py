"""What only all files of a drop together show is said of the whole drop, and stops it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from support.commands import invoked
from support.policies import policy_text

_SCREEN = """
[[screen]]
check   = "file-names"
outcome = "reject"
because = "The contract counts every page."
paths   = ["*.txt"]
pattern = "{object}_{page:02d}.txt"
"""


@pytest.mark.parametrize(("numbers", "verdict"), [((1, 2, 3), None), ((1, 2, 4), "rejected")])
def test_a_page_that_is_missing_stops_the_drop(tmp_path: Path, numbers: tuple[int, ...], verdict: str | None):
    policy = tmp_path / "policy.toml"
    policy.write_text(policy_text(_SCREEN), encoding="utf-8")
    drop = tmp_path / "ms-1387"
    drop.mkdir()
    for number in numbers:
        (drop / f"ms-1387_{number:02d}.txt").write_bytes(b"words\n")
    explained = invoked("policy", "explain", "--json", str(policy), str(drop))
    *_, whole = map(json.loads, explained.stdout.splitlines())
    found = {issue["code"]: issue for issue in whole["issues"]}
    assert (whole["verdict"] == "rejected") is (verdict == "rejected")
    assert ("NAM-003" in found) is (verdict == "rejected")
    assert "ms-1387_{page}.txt (01 to 0" in found["NAM-007"]["message"]
    if verdict:
        assert found["NAM-003"]["because"] == "The contract counts every page."
        assert "1 number of ms-1387_{page}.txt (01 to 04) is missing: 03." in whole["sentence"]


_ASKED = """
[[screen]]
check   = "descriptive-metadata"
outcome = "reject"
because = "A row for each page."
row_for = ["*.txt"]
"""


def test_what_a_screen_asks_of_a_table_is_said_once(tmp_path: Path):
    policy = tmp_path / "policy.toml"
    policy.write_text(policy_text('[intake]\ndescriptive = ["metadata.csv"]', _ASKED), encoding="utf-8")
    drop = tmp_path / "ms-1387"
    drop.mkdir()
    for name in ("1.txt", "2.txt"):
        (drop / name).write_bytes(b"words\n")
    (drop / "metadata.csv").write_text("filename,dc.title\n1.txt,One\n3.txt,Three\n", encoding="utf-8")
    explained = invoked("policy", "explain", "--json", str(policy), str(drop))
    lines = [json.loads(line) for line in explained.stdout.splitlines()]
    issues = [issue["code"] for line in lines for issue in line["issues"]]
    assert [code for code in issues if code.startswith("DSC")] == ["DSC-018", "DSC-021"]
    assert lines[-1]["verdict"] == "rejected"
