"""What is not taken because of its name has a page in ``rejected/``, once, for as long as it lies there."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from flows.inboxes.service import InboxService
from flows.installation.init import make_installation
from flows.installation.settings_file import load_settings


@pytest.fixture
def installed(tmp_path: Path) -> Path:
    make_installation(tmp_path / "archive")
    return tmp_path / "archive"


def sweep(installed: Path) -> None:
    InboxService(load_settings(installed), lambda _: None).sweep()


def test_names_that_are_not_taken_have_a_page_each_once_until_they_are_gone(installed: Path):
    inbox, rejected = installed / "inbox" / "images", installed / "rejected" / "images"
    inbox.mkdir(parents=True, exist_ok=True)
    names = [b"_scans", b"a" * 250, b"tail ", b"new\nline", b"caf\xe9", b".hidden", b"<b>_"]
    for name in names:
        (inbox / os.fsdecode(name)).mkdir()

    sweep(installed)
    pages = {path.name: path.read_text() for path in rejected.iterdir()}
    assert len(pages) == len(names) - 2, sorted(pages)
    assert all(len(os.fsencode(name)) <= 255 and name.isprintable() for name in pages)
    assert "begins with &#39;.&#39; or &#39;_&#39;" in pages["_scans.receipt.html"]
    assert "give it another name" in pages["tail .receipt.html"]
    assert any("longer than 200 bytes" in page for page in pages.values())
    assert any(r"caf\xe9" in page and "not UTF-8" in page for page in pages.values())
    assert sorted(os.fsencode(path.name) for path in inbox.iterdir()) == sorted(names)

    # A user who has read one removes it; another service does not say it again.
    (rejected / "_scans.receipt.html").unlink()
    sweep(installed)
    assert {path.name for path in rejected.iterdir()} == pages.keys() - {"_scans.receipt.html"}

    # What has the name of a page by now is not ours to remove.
    (rejected / "tail .receipt.html").write_text("a drop that was sent back")
    for name in names:
        (inbox / os.fsdecode(name)).rmdir()
    sweep(installed)
    assert [path.name for path in rejected.iterdir()] == ["tail .receipt.html"]
