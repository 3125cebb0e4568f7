"""What is not taken because of its name has a page in ``rejected/``, once, for as long as it lies there."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from support.bucket_inboxes import PAGES, SHEET, Station, WatchedBucket, away, content, drop_into, keys
from support.memory_drop_bucket import Contents

from flows.inboxes.bucket.notices import bucket_notices
from flows.inboxes.folder import notices
from flows.inboxes.service import InboxService
from flows.installation.init import make_installation
from flows.installation.settings_file import load_settings
from preservation.model.paths import StoreKey


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


def test_names_that_are_not_taken_from_a_bucket_have_a_page_there_once_until_they_are_gone(
    station: Station, contents: Contents, tmp_path: Path
):
    state = tmp_path / "scratch"
    state.mkdir()
    names = ["_scans", "a" * 250, "tail ", "new\nline", "<b>_", ".hidden"]
    for name in names:
        drop_into(contents, f"maps/{name}", PAGES)
    drop_into(contents, SHEET, PAGES)

    def looked(state: Path = state) -> dict[str, str]:
        bucket_notices(station.bucket, state).update(station.look().passed_over)
        found = keys(contents, "rejected/")
        return {key.removeprefix("rejected/maps/"): content(contents, key).decode() for key in found}

    pages = looked()
    assert len(pages) == len(names) - 2, sorted(pages)
    assert all(len(name.encode()) <= 255 and name.isprintable() for name in pages)
    assert "begins with &#39;.&#39; or &#39;_&#39;" in pages["_scans.receipt.html"]
    assert any("longer than 200 bytes" in page for page in pages.values())
    assert len(keys(contents, "inbox/")) == (len(names) + 1) * len(PAGES)

    # Another installation on the bucket, or one that was killed before it had noted it, says nothing twice.
    (tmp_path / "theirs").mkdir()
    assert looked(tmp_path / "theirs") == pages
    # A user who has read one removes it.
    del contents.objects[StoreKey("rejected/maps/_scans.receipt.html")]
    assert looked().keys() == pages.keys() - {"_scans.receipt.html"}

    # What has the name of a page by now is not ours to remove.
    drop_sent_back = b"a drop that was sent back"
    contents.place(StoreKey("rejected/maps/tail .receipt.html"), drop_sent_back)
    for key in keys(contents, "inbox/"):
        del contents.objects[StoreKey(key)]
    bucket = station.bucket
    assert isinstance(bucket, WatchedBucket)
    bucket.before["remove"] = away
    assert len(looked()) == len(pages) - 1
    bucket.before.clear()
    assert looked() == {"tail .receipt.html": drop_sent_back.decode()}


def test_a_page_in_a_bucket_replaces_nothing_and_waits_for_a_bucket_that_takes_it(
    station: Station, contents: Contents, tmp_path: Path
):
    drop_into(contents, "maps/_scans", PAGES)
    contents.place(StoreKey("rejected/maps/_scans.receipt.html"), b"a drop that was sent back")
    bucket = station.bucket
    assert isinstance(bucket, WatchedBucket)
    bucket.before["put"] = away
    notices = bucket_notices(bucket, tmp_path)
    notices.update(station.look().passed_over)
    assert len(keys(contents, "rejected/")) == 1
    bucket.before.clear()
    notices.update(station.look().passed_over)
    before, page = sorted(keys(contents, "rejected/"), key=len)
    assert content(contents, before) == b"a drop that was sent back"
    assert page.startswith("rejected/maps/_scans-")


class KilledError(BaseException):
    """Stands for a kill: nothing that follows is done."""


@pytest.mark.parametrize("is_gone", [False, True], ids=["", "gone-meanwhile"])
@pytest.mark.parametrize("is_done", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("call", range(8))
def test_killed_at_any_step_there_is_one_page_for_each_name_and_none_when_it_is_gone(
    installed: Path, monkeypatch: pytest.MonkeyPatch, call: int, *, is_done: bool, is_gone: bool
):
    inbox, rejected = installed / "inbox" / "images", installed / "rejected" / "images"
    inbox.mkdir(parents=True, exist_ok=True)
    names = ["_scans", "tail "]
    for name in names:
        (inbox / name).mkdir()
    left = [call]

    def killed_at(step: Callable[..., object]) -> Callable[..., object]:
        def stepped(*arguments: Any, **named: Any) -> object:  # noqa: ANN401  of any step
            left[0] -= 1
            if left[0] == -1 and not is_done:
                raise KilledError
            result = step(*arguments, **named)
            if left[0] == -1:
                raise KilledError
            return result

        return stepped

    with monkeypatch.context() as patched:
        patched.setattr(notices, "move", killed_at(notices.move))
        patched.setattr(notices, "mark_of", killed_at(notices.mark_of))
        patched.setattr(notices, "written_whole", killed_at(notices.written_whole))
        patched.setattr(Path, "replace", killed_at(Path.replace))
        with suppress(KilledError):
            sweep(installed)

    if is_gone:
        (inbox / names.pop(0)).rmdir()
    sweep(installed)
    assert sorted(path.name for path in rejected.iterdir()) == [f"{name}.receipt.html" for name in names]
    for name in names:
        (inbox / name).rmdir()
    sweep(installed)
    assert not list(rejected.iterdir())
    assert not list((installed / "processing" / ".taken").glob(".notice-*"))
