from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from support.archives import MUNIMENT
from typer.core import TyperGroup
from typer.main import get_command

from flows.cli.application import application

HEAVY = ("prefect", "sqlalchemy", "pydantic", "rich", "numpy", "PIL", "lxml")


def test_help_names_every_verb_and_the_exit_codes():
    told = subprocess.run([MUNIMENT, "--help"], capture_output=True, text=True, check=True).stdout
    for word in ("init", "doctor", "up", "preserve", "identify", "validate", "policy", "journal", "130"):
        assert word in told


def test_collecting_the_verbs_imports_nothing_heavy():
    probe = (
        "import sys; from flows.cli.application import application; application(); "
        f"print('flows.cli.chaos' in sys.modules, [name for name in {HEAVY!r} if name in sys.modules])"
    )
    told = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True).stdout
    assert told.strip() == "True []"


def test_the_parser_of_a_verb_is_of_that_verb_alone_and_one_of_all_knows_a_verb_that_is_misspelt():
    one, all_of_them = (get_command(application(asked)) for asked in ("status", "statsu"))
    assert isinstance(one, TyperGroup)
    assert isinstance(all_of_them, TyperGroup)
    assert list(one.commands) == ["status"]
    assert {"status", "init", "journal", "chaos"} <= set(all_of_them.commands)


def test_an_unexpected_fault_is_a_sentence_and_a_traceback_only_where_asked(tmp_path: Path):
    (tmp_path / "muniment.toml").mkdir()
    finished = subprocess.run(
        [MUNIMENT, "journal", "verify", "-C", tmp_path], capture_output=True, text=True, check=False
    )
    assert finished.returncode == 2
    assert "Traceback" not in finished.stderr
    assert str(tmp_path) in finished.stderr
