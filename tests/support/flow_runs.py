"""Runs in the tests' own process: what the command does, without its start each time, nor Prefect's part."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import httpx
from prefect.client.orchestration import SyncPrefectClient
from support.archives import NO_PREFECT, Archive
from support.plain_runs import run_plainly

from flows.installation.init import make_installation
from flows.installation.settings_file import load_settings
from flows.orchestration.environment import PrefectApi
from flows.orchestration.in_process import drops_of, in_runs, run_preserve
from flows.submission.answer import RunResult, SubmissionResult


class _OnceFree(httpx.HTTPTransport):
    """Asks until Prefect answers: it answers 503 for as long as other writers lock its database.

    Prefect's own repetitions would not do: what a test sets for the code that it tests holds for them too.
    """

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        # pytest limits how long a test may wait.
        while (answer := super().handle_request(request)).status_code == httpx.codes.SERVICE_UNAVAILABLE:
            answer.close()
            time.sleep(0.1)
        return answer


@cache
def prefect_client(api_url: str) -> SyncPrefectClient:
    """The process's client of a Prefect: to make one takes longer than what it is asked for."""
    return SyncPrefectClient(
        api_url, auth_string=os.environ["PREFECT_API_AUTH_STRING"], httpx_settings={"transport": _OnceFree()}
    )


def ask_prefect(api_url: str, what: str, question: dict[str, Any]) -> list[dict[str, Any]]:
    """Ask the session's Prefect for what fits: ``flow_runs``, ``artifacts``, ``deployments``."""
    user, _, password = os.environ["PREFECT_API_AUTH_STRING"].partition(":")
    with httpx.Client(transport=_OnceFree(), auth=(user, password), timeout=30) as client:
        answer = client.post(f"{api_url}/{what}/filter", json=question)
        found: list[dict[str, Any]] = answer.raise_for_status().json()
        return found


def installed(directory: Path, api_url: str = NO_PREFECT) -> Archive:
    """Make an installation without the command."""
    make_installation(directory)
    return Archive(directory, api_url)


@contextmanager
def surroundings(archive: Archive) -> Iterator[None]:
    """Be told by the environment what the archive's command is told, for as long as the context lasts."""
    before = dict(os.environ)
    os.environ.update(archive.environment)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def outcome_of_run(
    archive: Archive, *drops: Path, collection: str = "files", in_prefect: bool = False
) -> RunResult:
    """Preserve small drops in one run, and return all that the run tells."""
    with surroundings(archive):
        settings = load_settings(archive.directory)
        [run] = in_runs(drops_of(list(drops), collection, settings), settings)
        if in_prefect:
            return run_preserve(settings, PrefectApi(archive.api_url), run)
        return run_plainly(settings, run)


def preserved(
    archive: Archive, drop: Path, collection: str = "files", *, in_prefect: bool = False
) -> SubmissionResult:
    """Preserve a drop, with no fault but the drop's own, and return what is told of it."""
    outcome = outcome_of_run(archive, drop, collection=collection, in_prefect=in_prefect)
    assert not outcome.fault, outcome.fault
    [told] = outcome.results
    return told


def preserved_together(archive: Archive, *drops: Path, collection: str = "files") -> list[SubmissionResult]:
    """Preserve several drops in one run, which costs little more than one of them does."""
    outcome = outcome_of_run(archive, *drops, collection=collection)
    assert not outcome.fault, outcome.fault
    return outcome.results
