"""The first start of compose.yaml's installation, killed at any step or failing: the next one makes it."""

from __future__ import annotations

import importlib.util
import os
import signal
import sys
from pathlib import Path
from types import ModuleType

import pytest
from services.compose import DOCKER
from support.forks import forked

from flows.installation.settings_file import HOME_VARIABLE, load_settings
from flows.installation.wiring import open_installation
from preservation.errors import ConfigurationError

_STEPS = {"open", "os.rename", "os.mkdir", "os.chmod", "os.remove", "os.rmdir"}


@pytest.fixture(scope="module")
def first_start() -> ModuleType:
    """The script of the image."""
    spec = importlib.util.spec_from_file_location("first_start", DOCKER / "first_start.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def sample(tmp_path: Path) -> Path:
    """The settings of the image, with two folders for stores."""
    text = (DOCKER / "muniment.toml").read_text().split("[[store]]")[0]
    for number in (1, 2):
        text += f"""
[[store]]
name = "disk-{number}"
kind = "folder"
path = "{tmp_path}/kept-{number}"
site = "site-{number}"
provider = "this machine"
media = "disk"
"""
    (tmp_path / "sample").mkdir()
    (tmp_path / "sample" / "muniment.toml").write_text(text)
    return tmp_path / "sample"


def killed_at(first_start: ModuleType, home: Path, sample: Path, step: int) -> bool:
    """Make it in a process that is killed at its step of that number in ``home``; return whether it was."""

    def work() -> None:
        left = step

        def watch(event: str, about: tuple[object, ...]) -> None:
            nonlocal left
            if event in _STEPS and str(about[0]).startswith(str(home)):
                left -= 1
                if left < 0:
                    os.kill(os.getpid(), signal.SIGKILL)

        sys.addaudithook(watch)
        first_start.make(home, sample)

    process = forked(work)
    process.start()
    process.join()
    assert process.exitcode in {0, -signal.SIGKILL}
    return process.exitcode != 0


def made(home: Path) -> list[str]:
    """What lies in an installation that is whole: its stores are there, as the catalogue has them."""
    settings = load_settings(home)
    with open_installation(settings) as installation:
        for store in installation.stores:
            store.check()
        assert installation.signing_key is not None
        assert set(installation.catalogue.store_identities()) == set(settings.store_names)
    assert settings.store_names == ("disk-1", "disk-2")
    return sorted(one.name for one in home.iterdir())


def test_a_first_start_that_was_killed_leaves_no_installation_and_the_next_one_makes_it(
    first_start: ModuleType, sample: Path, tmp_path: Path
):
    home = tmp_path / "undisturbed"
    first_start.make(home, sample)
    whole = made(home)
    step = 0
    while killed_at(first_start, home := tmp_path / f"killed-{step}", sample, step):
        assert not (home / "muniment.toml").exists()
        first_start.make(home, sample)
        assert made(home) == whole
        step += 9
    assert step > 40, "it was killed before, while and after the parts moved to their places"


def test_a_first_start_whose_store_cannot_be_made_is_begun_anew(
    first_start: ModuleType, sample: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    home = tmp_path / "home"
    (tmp_path / "kept-2").write_bytes(b"a file where a folder is to be")
    monkeypatch.setenv(HOME_VARIABLE, str(home))
    monkeypatch.setattr(first_start, "__file__", str(sample / "first_start.py"))
    for _ in range(2):
        with pytest.raises(SystemExit, match="store disk-2"):
            first_start.main()
        assert not (home / "muniment.toml").exists()
    (tmp_path / "kept-2").unlink()
    first_start.main()
    assert (tmp_path / "kept-2" / ".identity").read_text().strip() in (home / "muniment.toml").read_text()
    made(home)


def test_a_first_start_changes_nothing_where_something_else_lies(
    first_start: ModuleType, sample: Path, tmp_path: Path
):
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "letter.txt").write_bytes(b"Dear archive")
    with pytest.raises(ConfigurationError, match="something else lies there"):
        first_start.make(tmp_path / "home", sample)
    assert [one.name for one in (tmp_path / "home").iterdir()] == ["letter.txt"]
