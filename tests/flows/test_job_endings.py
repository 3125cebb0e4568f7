"""How jobs end where something could not be looked at, or where a try of several comes to nothing."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.takes import NOON

from flows.inboxes.accepted.clear import ClearedDrop, ClearResult, RetainedDrop
from flows.inboxes.answer import Kept
from flows.inboxes.queue.takes import TakeId
from flows.installation.init import make_installation
from flows.orchestration.jobs import clear as clear_job
from flows.orchestration.jobs import ending
from flows.orchestration.jobs.clear import clear
from flows.orchestration.jobs.verify import verify
from preservation.errors import IntegrityError, PreservationError, UnavailableError
from preservation.model.digests import HexDigest
from preservation.model.identifiers import (
    CollectionName,
    ObjectId,
    ObjectName,
    PackageId,
    StoreName,
    VersionNumber,
)
from preservation.model.verdicts import Verdict

FILES, LETTERS = CollectionName("files"), ObjectName("letters")
LETTERS_V1 = PackageId(ObjectId(FILES, LETTERS), VersionNumber(1))
KEPT = Kept(
    TakeId("t"), LETTERS_V1, Verdict.STORED, "", NOON, FILES, LETTERS, "letters", 1, 1, HexDigest("ab")
)
GONE = ClearedDrop(Path("/a/accepted/files/letters"), KEPT, (StoreName("first"),))
LEFT = RetainedDrop(Path("/a/accepted/files/ledger"), "its store is away")


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    make_installation(tmp_path / "archive")
    return tmp_path / "archive"


@pytest.fixture
def tables(monkeypatch: pytest.MonkeyPatch) -> list[list[dict[str, str]]]:
    """Every table that a job publishes."""
    published: list[list[dict[str, str]]] = []

    def publish(*, table: list[dict[str, str]], **_: object) -> None:
        published.append(table)

    monkeypatch.setattr(ending, "create_table_artifact", publish)
    return published


def test_a_journal_that_could_not_be_compared_with_its_stores_is_not_called_intact(
    directory: Path, tables: list[list[dict[str, str]]]
):
    assert verify.fn(str(directory)).name == "Intact"
    shutil.rmtree(directory / "stores")
    state = verify.fn(str(directory))
    assert (state.name, state.type.value) == ("Not compared", "FAILED")
    assert "missing" not in (state.message or "")
    assert "muniment doctor" in (state.message or "")
    assert any("Store first was not" in row["what was found"] for row in tables[-1])


@pytest.mark.parametrize(
    ("fault", "name"), [(UnavailableError("away"), "Interrupted"), (IntegrityError("damaged"), "Damaged")]
)
def test_what_was_removed_before_a_job_failed_is_in_its_table_once(
    directory: Path,
    tables: list[list[dict[str, str]]],
    monkeypatch: pytest.MonkeyPatch,
    fault: PreservationError,
    name: str,
):
    monkeypatch.setenv("MUNIMENT_RETRIES__DATABASE", "0,0")
    tries = iter([[LEFT, GONE], [LEFT], [LEFT]])

    def clearing(*_: object, **__: object) -> Iterator[ClearResult]:
        yield from next(tries)
        raise fault

    monkeypatch.setattr(clear_job, "clear_installation", clearing)
    assert clear.fn(str(directory)).name == name
    [table] = tables
    assert sorted(row["what"] for row in table) == ["removed", "stays"]


def test_what_stayed_in_one_try_and_not_in_the_next_is_not_reported_as_staying(
    directory: Path, tables: list[list[dict[str, str]]], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("MUNIMENT_RETRIES__DATABASE", "0")
    tries = iter([True, False])

    def clearing(*_: object, **__: object) -> Iterator[ClearResult]:
        if next(tries):
            yield LEFT
            yield GONE
            raise UnavailableError("away")

    monkeypatch.setattr(clear_job, "clear_installation", clearing)
    state = clear.fn(str(directory))
    assert (state.name, state.message) == ("Cleared", "Of what was due, 1 removed.")
    assert [row["what"] for row in tables[0]] == ["removed"]
