"""What people are told in few words: amounts, formats that do not exist, places without rights."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.command_runs import run_command

from flows.alarms.webhook import _key
from preservation.errors import ConfigurationError
from preservation.identification.pronom import doubts_about
from preservation.model.amounts import count
from preservation.policy.shipped import shipped_policies
from storage.restore.outcomes import away_issue, undescribed_issue


def test_amounts_agree_with_their_nouns():
    assert [count(number, "entry", "entries") for number in (0, 1, 12_345)] == [
        "0 entries",
        "1 entry",
        "12,345 entries",
    ]
    assert count(1, "file") == "1 file"


def test_puids_that_pronom_never_gave_are_named_and_no_others():
    doubts = list(doubts_about(["fmt/353", "x-fmt/18", "fmt/35333", "x-fmt/9999", "fmt/1900"]))

    assert [doubt.partition(":")[0] for doubt in doubts] == ["fmt/35333", "x-fmt/9999"]
    assert "never applies" in doubts[0]


def test_policy_check_warns_of_a_puid_that_does_not_exist(tmp_path: Path):
    file = tmp_path / "policy.toml"
    text = shipped_policies()["digitized-images.toml"].decode()
    file.write_text(text)
    assert "WARNING" not in run_command("policy", "check", file).stdout
    file.write_text(text.replace("fmt/353", "fmt/35333"))

    checked = run_command("policy", "check", file)

    assert checked.returncode == 0
    assert "WARNING: fmt/35333: PRONOM has no such format" in checked.stdout


@pytest.mark.parametrize("place", ["/sys/kernel/muniment", "FILE/installation"])
def test_a_place_that_may_not_be_written_to_is_no_fault_of_ours(tmp_path: Path, place: str):
    file = tmp_path / "FILE"
    file.write_text("a file")
    place = place.replace("FILE", str(file))

    refused = run_command("init", place)

    assert refused.returncode == 6
    assert refused.stderr.startswith("muniment: ")
    assert "choose a" in refused.stderr or "choose another place" in refused.stderr
    assert "fault in Muniment" not in refused.stderr


def test_a_secret_that_is_not_set_is_not_called_malformed(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("MUNIMENT_WEBHOOK_SECRET", raising=False)

    with pytest.raises(ConfigurationError, match="is not set here"):
        _key()


def test_nothing_is_said_to_need_repair_of_which_nothing_is_known():
    assert "repair" not in away_issue("it is away").next_step
    assert "repair" in undescribed_issue("it is damaged").next_step
