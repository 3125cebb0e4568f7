"""What ``muniment doctor`` says of the virus scanner, and when it is a fault that there is none."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from services import clamav
from services.clamav import Scanner
from support.archives import Archive
from support.command_runs import near
from support.flow_runs import installed

from flows.installation.settings_file import load_settings
from flows.service.virus_scanner import scanner_status
from preservation.errors import ConfigurationError, ToolMissingError


@pytest.fixture
def unserved(tmp_path: Path) -> Archive:
    return near(installed(tmp_path / "archive", ""))


def listen(archive: Archive, address: str) -> None:
    file = archive.directory / "muniment.toml"
    file.write_text(file.read_text() + f'\n[virus]\nclamd = "{address}"\nseconds = 5\n')


def ask_for(archive: Archive, virus_scan: str) -> None:
    for policy in (archive.directory / "policies").glob("*.toml"):
        text = policy.read_text()
        line = f'[intake]\nvirus_scan = "{virus_scan}"'
        policy.write_text(
            text.replace("[intake]", line, 1) if "[intake]" in text else _before_tables(text, line)
        )


def _before_tables(text: str, lines: str) -> str:
    return re.sub(r"^\[", f"{lines}\n\n[", text, count=1, flags=re.MULTILINE)


def test_a_scanner_that_answers_is_told_with_its_release_and_the_age_of_its_signatures(
    unserved: Archive, clamd: Scanner
):
    listen(unserved, clamd.address)
    told = scanner_status(load_settings(unserved.directory))
    assert re.match(r"ClamAV \S+, signatures 27300 of \d{4}-\d\d-\d\d, \d days old", told)
    assert told.endswith("no policy asks for it")


def test_no_scanner_is_no_fault_until_a_policy_requires_one(unserved: Archive):
    listen(unserved, "tcp:127.0.0.1:9")
    for virus_scan in ("off", "if-available"):
        ask_for(unserved, virus_scan)
        assert "cannot be reached" in scanner_status(load_settings(unserved.directory))
        for policy in (unserved.directory / "policies").glob("*.toml"):
            policy.write_text(policy.read_text().replace(f'virus_scan = "{virus_scan}"\n', ""))
    ask_for(unserved, "require")
    with pytest.raises(ToolMissingError, match=r"policies require it|a policy requires it"):
        scanner_status(load_settings(unserved.directory))


def test_old_signatures_are_told_and_a_fault_where_a_policy_requires_the_scan(unserved: Archive):
    with clamav.scanning(days_old=12) as scanner:
        listen(unserved, scanner.address)
        ask_for(unserved, "if-available")
        assert "nothing will be called clean" in scanner_status(load_settings(unserved.directory))
        for policy in (unserved.directory / "policies").glob("*.toml"):
            policy.write_text(policy.read_text().replace('"if-available"', '"require"'))
        with pytest.raises(ToolMissingError, match="days old, and the policy allows 7"):
            scanner_status(load_settings(unserved.directory))


def test_doctor_has_a_line_for_the_scanner(unserved: Archive, clamd: Scanner):
    listen(unserved, clamd.address)
    finished = unserved.run("doctor", "--json")
    findings = [json.loads(line) for line in finished.stdout.splitlines()]
    (scanner,) = [finding for finding in findings if finding["what"] == "virus scanner"]
    assert scanner["state"] == "ok"
    assert "days old" in scanner["detail"]


def test_an_address_that_is_none_is_a_fault_of_the_settings_with_its_line(unserved: Archive):
    listen(unserved, "clamd.ctl")
    with pytest.raises(ConfigurationError, match=r"line \d+: virus.clamd: .*write unix:/run/clamav"):
        load_settings(unserved.directory)
