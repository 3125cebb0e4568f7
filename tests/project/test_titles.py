"""Every finding about files of a drop has a title, under which a receipt groups the files that have it."""

from __future__ import annotations

import re
from pathlib import Path

from preservation.receipt.titles import _TITLES

NOT_OF_FILES = {"ARC", "BAG", "INT", "PKG", "REP", "RST", "VER"}
"""Codes that are about bags, drops and versions as a whole, or about stores."""


def test_every_code_about_files_has_a_title(project: Path):
    codes = set(
        re.findall(r"^\| `([A-Z]{3}-\d{3})` \|", (project / "docs/issues.md").read_text(), re.MULTILINE)
    )
    of_files = {code for code in codes if code.partition("-")[0] not in NOT_OF_FILES}
    assert sorted(of_files - set(_TITLES)) == []


def test_no_two_codes_share_a_title():
    assert len(set(_TITLES.values())) == len(_TITLES)
