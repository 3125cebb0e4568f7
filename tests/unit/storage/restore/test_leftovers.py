"""What a killed restore leaves beside its target, and what the next one does about it."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

from storage.restore.target import opened_target

KILLED = """
import os, signal, sys
from pathlib import Path
from storage.restore.target import opened_target
with opened_target(Path(sys.argv[1])) as landing:
    (landing.folder / "half").write_bytes(b"half a file")
    os.kill(os.getpid(), signal.SIGKILL)
"""


def killed_restore(target: Path, project: Path) -> None:
    finished = subprocess.run([sys.executable, "-c", KILLED, target], cwd=project, check=False)
    assert finished.returncode == -signal.SIGKILL


def unfinished(folder: Path) -> list[Path]:
    return list(folder.glob(".restoring-*"))


def test_the_next_restore_to_the_place_clears_what_a_killed_one_left(tmp_path: Path, project: Path):
    target = tmp_path / "back"
    killed_restore(target, project)
    assert len(unfinished(tmp_path)) == 1
    with opened_target(target) as landing:
        assert unfinished(tmp_path) == [landing.folder.parent]
    assert unfinished(tmp_path) == []


def test_inside_a_target_that_is_there_it_is_cleared_as_well(tmp_path: Path, project: Path):
    killed_restore(tmp_path, project)
    assert len(unfinished(tmp_path)) == 1
    with opened_target(tmp_path):
        pass
    assert list(tmp_path.iterdir()) == []


def test_a_restore_that_is_under_way_is_left_in_peace(tmp_path: Path):
    with opened_target(tmp_path / "one") as one:
        (one.folder / "half").write_bytes(b"half a file")
        with opened_target(tmp_path / "two"):
            pass
        assert (one.folder / "half").is_file()


def test_what_only_looks_alike_is_left_in_peace(tmp_path: Path):
    (tmp_path / ".restoring-notes").mkdir()
    (tmp_path / f".restoring-{'a' * 32}").symlink_to(tmp_path / ".restoring-notes")
    with opened_target(tmp_path / "back"):
        pass
    assert len(unfinished(tmp_path)) == 2
