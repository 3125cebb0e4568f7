from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from support.archives import MUNIMENT

HEAVY = ("prefect", "sqlalchemy", "pydantic", "rich", "numpy", "PIL", "lxml")


def test_help_names_every_verb_and_the_exit_codes():
    told = subprocess.run([MUNIMENT, "--help"], capture_output=True, text=True, check=True).stdout
    for word in ("init", "doctor", "up", "preserve", "identify", "validate", "policy", "journal", "130"):
        assert word in told


def test_collecting_the_verbs_imports_nothing_heavy():
    probe = f"import sys, flows.cli.application; print([name for name in {HEAVY!r} if name in sys.modules])"
    told = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True).stdout
    assert told.strip() == "[]"


def test_an_unexpected_fault_is_a_sentence_and_a_traceback_only_where_asked(tmp_path: Path):
    (tmp_path / "muniment.toml").mkdir()
    finished = subprocess.run(
        [MUNIMENT, "journal", "verify", "-C", tmp_path], capture_output=True, text=True, check=False
    )
    assert finished.returncode == 2
    assert "Traceback" not in finished.stderr
    assert str(tmp_path) in finished.stderr
