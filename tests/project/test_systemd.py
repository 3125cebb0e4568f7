"""Holds the systemd units against systemd itself, where it is installed, and against what the code offers."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest
from support.archives import MUNIMENT
from support.commands import taken

from flows.installation.machine_settings import ServiceSettings
from flows.installation.settings_file import HOME_VARIABLE
from preservation.errors import ConfigurationError

UNITS = Path(__file__).resolve().parents[2] / "docs" / "systemd"
SERVICES = ("muniment", "muniment-watch", "muniment-worker@", "muniment-clear")
INSTALLED = "/opt/muniment/bin/muniment"
EXPOSED = re.compile(r"Overall exposure level for \S+: ([\d.]+)")
OF_THE_CAGE = ("seccomp", "landlock_create_ruleset", "landlock_add_rule", "landlock_restrict_self", "prctl",
               "prlimit64", "setrlimit", "setsid", "kill", "pidfd_open", "socketpair")  # fmt: skip


class Unit:
    """A unit file. A key may stand in it several times."""

    def __init__(self, name: str) -> None:
        section = ""
        self._values: dict[tuple[str, str], list[str]] = {}
        for line in (UNITS / name).read_text().splitlines():
            if line.startswith("["):
                section = line.strip("[]")
            elif line and not line.startswith("#"):
                key, _, value = line.partition("=")
                self._values.setdefault((section, key), []).append(value)

    def one(self, section: str, key: str) -> str:
        [value] = self._values[section, key]
        return value

    def all(self, section: str, key: str) -> list[str]:
        return self._values.get((section, key), [])


@pytest.fixture
def analyze(tmp_path: Path) -> list[str]:
    """systemd-analyze, which sees the units as they are installed, with the command of this Python."""
    program = shutil.which("systemd-analyze")
    if program is None:
        pytest.skip("systemd-analyze is not here: apt-get install systemd")
    folder = tmp_path / "system"
    shutil.copytree(UNITS, folder, symlinks=True)
    for unit in folder.glob("*.service"):
        unit.write_text(unit.read_text().replace(INSTALLED, str(MUNIMENT)))
    return ["env", f"SYSTEMD_UNIT_PATH={folder}:", program]


def instance(name: str) -> str:
    return f"{name}1.service" if name.endswith("@") else f"{name}.service"


def test_systemd_finds_no_fault(analyze: list[str]):
    units = [instance(name) for name in SERVICES]
    finished = subprocess.run(
        [*analyze, "verify", "--man=no", *units, "muniment-clear.timer"],
        capture_output=True,
        text=True,
        check=False,
    )
    ours = [line for line in finished.stderr.splitlines() if "muniment" in line]
    assert ours == []
    assert finished.returncode == 0, finished.stderr


@pytest.mark.parametrize("name", SERVICES)
def test_every_service_is_confined(analyze: list[str], name: str):
    finished = subprocess.run(
        [*analyze, "security", "--offline=yes", "--no-pager", instance(name)],
        capture_output=True,
        text=True,
        check=False,
    )
    found = EXPOSED.search(finished.stdout)
    assert found is not None, finished.stderr
    assert float(found[1]) < 3.0, finished.stdout


def test_what_is_let_through_is_enough_for_the_cage(analyze: list[str]):
    confined = Unit("muniment-.service.d/confined.conf")
    group, *single = confined.one("Service", "SystemCallFilter").split()
    allowed, unread = set(single), [group]
    while unread:
        told = subprocess.run(
            [*analyze, "syscall-filter", unread.pop()], capture_output=True, text=True, check=True
        )
        words = [line.strip() for line in told.stdout.splitlines()[1:] if not line.strip().startswith("#")]
        unread += [word for word in words if word.startswith("@")]
        allowed |= set(words)
    assert [call for call in OF_THE_CAGE if call not in allowed] == []
    for name in SERVICES:
        assert Unit(f"{name}.service").one("Service", "User") == "muniment"


@pytest.mark.parametrize("name", SERVICES)
def test_every_service_runs_a_command_that_is_taken(name: str):
    unit = Unit(f"{name}.service")
    words = shlex.split(unit.one("Service", "ExecStart"))
    assert words[0] == INSTALLED
    taken(words)
    told = dict(value.split("=", 1) for value in unit.all("Service", "Environment"))
    assert told[HOME_VARIABLE] == unit.one("Service", "WorkingDirectory")
    assert told[HOME_VARIABLE] in Unit("muniment-.service.d/confined.conf").one("Service", "ReadWritePaths")


@pytest.mark.parametrize("name", ["muniment", "muniment-worker@"])
def test_runs_are_given_the_time_to_end(name: str):
    unit = Unit(f"{name}.service")
    assert unit.one("Service", "KillMode") == "mixed"
    assert int(unit.one("Service", "TimeoutStopSec")) >= ServiceSettings().drain_seconds + 30


def test_settings_that_are_wrong_are_not_tried_again():
    for name in SERVICES[:3]:
        stays_down = Unit(f"{name}.service").one("Service", "RestartPreventExitStatus")
        assert stays_down == str(ConfigurationError.exit_code)


def test_the_timer_starts_what_clears_and_after_a_night_without_power_as_well():
    timer = Unit("muniment-clear.timer")
    assert timer.one("Timer", "Persistent") == "true"
    assert (UNITS / "muniment-clear.service").is_file()


def test_every_unit_is_told_of_in_the_operations_page(project: Path):
    page = (project / "docs/deployment.md").read_text()
    for path in UNITS.glob("muniment*.*"):
        if path.is_file():
            assert path.name in page, path.name
