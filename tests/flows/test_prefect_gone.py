"""Prefect fails midway: the work is told as it ended, nothing is lost, and nobody waits for ever."""

from __future__ import annotations

from pathlib import Path

import pytest
from services.failing_prefect import Door, FailingPrefect, at_stage
from support.archives import Archive
from support.flow_runs import preserved

from flows.orchestration import in_process, preserve
from preservation.model.verdicts import Verdict


@pytest.mark.in_prefect
@pytest.mark.parametrize(("stage", "door"), [("survey", Door.ERRORS), ("answer", Door.GONE)])
def test_what_was_kept_while_prefect_failed_is_told_as_kept(
    installation: Archive, ledger: Path, stage: str, door: Door, monkeypatch: pytest.MonkeyPatch
):
    # A busy Prefect of the session may answer once that its database is locked.
    monkeypatch.setattr(in_process, "_REQUEST_RETRIES", 1)
    monkeypatch.setattr(preserve, "_DELIVERY_SECONDS", 0.2)
    prefect = FailingPrefect(installation.api_url)
    with at_stage(stage, lambda: prefect.shut(door)):
        told = preserved(Archive(installation.directory, prefect.url), ledger, in_prefect=True)
    assert told.ending.verdict is Verdict.STORED, told.ending
    assert installation.kept("first") == installation.kept("second")
    assert preserved(installation, ledger).ending.verdict is Verdict.ALREADY_KEPT


@pytest.mark.in_prefect
def test_a_prefect_that_fails_from_the_start_interrupts_and_the_drop_is_kept_when_it_is_back(
    installation: Archive, ledger: Path
):
    prefect = FailingPrefect(installation.api_url)
    prefect.shut(Door.ERRORS)
    told = preserved(Archive(installation.directory, prefect.url), ledger, in_prefect=True)
    assert told.ending.verdict is Verdict.INTERRUPTED
    assert f"Prefect at {prefect.url} failed" in told.ending.sentence
    assert "preserve it again" in told.ending.sentence
    assert installation.kept() == {}
    assert preserved(installation, ledger).ending.verdict is Verdict.STORED
