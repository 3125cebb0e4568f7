"""The file that holds the secret of an installation's own Prefect server."""

from __future__ import annotations

import os
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from flows.installation.server_secret import server_secret
from preservation.errors import ConfigurationError


def test_it_is_made_once_and_for_one_account(tmp_path: Path):
    before = os.umask(0)
    try:
        secret = server_secret(tmp_path)
    finally:
        os.umask(before)
    [file] = tmp_path.iterdir()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert server_secret(tmp_path) == secret
    assert len(secret) >= 40


def test_of_many_that_make_it_at_once_all_get_the_same_one(tmp_path: Path):
    with ThreadPoolExecutor(8) as threads:
        found = set(threads.map(lambda _: server_secret(tmp_path), range(64)))
    assert len(found) == 1
    assert len(list(tmp_path.iterdir())) == 1


def test_it_is_never_there_in_part_or_for_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    seen: list[int] = []
    fsync = os.fsync

    def looked_at(descriptor: int) -> None:
        """The file is whole by now, and has no name yet."""
        seen.append(stat.S_IMODE(os.fstat(descriptor).st_mode))
        assert not (tmp_path / "prefect.secret").exists()
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", looked_at)
    server_secret(tmp_path)
    assert seen == [0o600]


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644])
def test_one_that_other_accounts_may_read_is_not_used(tmp_path: Path, mode: int):
    server_secret(tmp_path)
    (tmp_path / "prefect.secret").chmod(mode)
    with pytest.raises(ConfigurationError, match="other accounts may read"):
        server_secret(tmp_path)


@pytest.mark.parametrize("content", ["", "muniment:", "muniment:short", "admin:" + "a" * 60])
def test_what_is_no_secret_is_not_used(tmp_path: Path, content: str):
    server_secret(tmp_path)
    (tmp_path / "prefect.secret").write_text(content)
    with pytest.raises(ConfigurationError, match="not a secret"):
        server_secret(tmp_path)


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path):
    with pytest.raises(ConfigurationError, match=r"prefect\.secret"):
        server_secret(tmp_path / "nowhere")
