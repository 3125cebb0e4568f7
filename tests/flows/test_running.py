"""Which drops share a run."""

from __future__ import annotations

from pathlib import Path

from flows.installation.init import make_installation
from flows.installation.settings_file import load_settings
from flows.orchestration.in_process import in_runs
from flows.submission.drop import DropRequest


def a_drop(folder: Path, name: str) -> DropRequest:
    path = folder / name
    path.mkdir(parents=True)
    (path / "letter.txt").write_text("Dear brother\n")
    return DropRequest(path, "files", name)


def test_a_drop_that_cannot_be_looked_at_has_a_run_of_its_own_and_holds_up_no_others(tmp_path: Path):
    make_installation(tmp_path / "archive")
    settings = load_settings(tmp_path / "archive")
    one, gone, two = (a_drop(tmp_path / "drops", name) for name in ("one", "gone", "two"))
    (gone.path / "letter.txt").unlink()
    gone.path.rmdir()
    assert list(in_runs([one, gone, two], settings)) == [[gone], [one, two]]
