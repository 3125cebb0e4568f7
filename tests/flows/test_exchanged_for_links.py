"""What lies in a drop is exchanged for links that lead out of it, whenever a stage may look."""

from __future__ import annotations

import os
import random
import threading
from collections.abc import Iterator, Sequence
from itertools import count
from pathlib import Path

import pytest
from ordeals.exchange import (
    OWN,
    dropped,
    exchange_of,
    exchanged_again_and_again,
    preserve_while,
    traces,
)

from flows.installation.init import make_installation
from flows.installation.settings_file import load_settings
from flows.installation.wiring import Installation, open_installation
from flows.submission.answer import SubmissionResult
from preservation.files import beneath
from preservation.model.verdicts import Verdict

READING = ("survey", "screen", "normalize", "package", "replicate")
NUMBERS = count()


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    home = tmp_path_factory.mktemp("exchanged") / "archive"
    make_installation(home)
    with open_installation(load_settings(home), (tmp_path_factory.getbasetemp(),)) as opened:
        yield opened


@pytest.fixture
def drop(tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    """A drop with a name of its own, so that it is an object of its own."""
    part = request.node.callspec.params["part"]
    return dropped(tmp_path / f"drop-{next(NUMBERS)}", as_bag=part.startswith(BAG))


BAG = ("data", "manifest", "bag-info")
PARTS = ("", "letters", "letters/1914", "letters/1914/a.txt", "metadata.csv", "data", "data/letters")
TAG_FILES = ("manifest-sha256.txt", "bag-info.txt")


def every_other(parts: Sequence[str]) -> list[object]:
    """Every stage with every other part; with the rest where it soaks."""
    return [
        pytest.param(stage, part, marks=[pytest.mark.soak] * ((row + column) % 2))
        for row, stage in enumerate(READING)
        for column, part in enumerate(parts)
    ]


def require_nothing_of_it(installation: Installation, drop: Path, result: SubmissionResult | str) -> None:
    """Require that nothing from outside of the drop is anywhere, and what is kept is what was dropped."""
    directory = installation.settings.directory
    assert traces(directory) == []
    if isinstance(result, SubmissionResult) and result.ending.verdict is Verdict.STORED:
        for store in ("first", "second"):
            kept = [*(directory / "stores" / store / "files" / drop.name).rglob("letters/1914/*.txt")]
            assert [path.read_text() for path in kept] == [OWN, OWN]


@pytest.mark.parametrize(("stage", "part"), every_other([*PARTS, *TAG_FILES]))
def test_a_link_that_is_there_while_a_stage_reads_leads_nowhere(
    installation: Installation, drop: Path, stage: str, part: str
):
    swap = exchange_of(drop, part)
    before = ""

    def at_stage(name: str) -> None:
        nonlocal before
        if stage in (name, before):
            swap()
        before = name

    require_nothing_of_it(installation, drop, preserve_while(installation, drop, at_stage))


@pytest.mark.parametrize(("stage", "part"), every_other(PARTS))
def test_a_drop_that_has_a_link_since_the_survey_is_rejected_and_the_link_named(
    installation: Installation, drop: Path, stage: str, part: str
):
    swap = exchange_of(drop, part)
    result = preserve_while(installation, drop, lambda name: swap() if name == stage else None)

    require_nothing_of_it(installation, drop, result)
    assert isinstance(result, SubmissionResult), result
    assert result.ending.verdict is Verdict.REJECTED
    said = " ".join([result.ending.sentence, *(issue.message for issue in result.issues)])
    assert (part.removeprefix("data/").split("/")[0] or "link") in said


FILES, ALL_BUT_LISTINGS, DRAWN = "files", "all but listings", "drawn"


def is_exchanged_for(calls: str, flags: int) -> bool:
    """Say whether the parts are exchanged while a call with these flags opens."""
    match calls:
        case "files":
            return not flags & (os.O_DIRECTORY | os.O_PATH)
        case "all but listings":
            return bool(flags & os.O_PATH) or not flags & os.O_DIRECTORY
        case _:
            return random.random() < 0.5  # noqa: S311  no secret is drawn


@pytest.mark.parametrize("calls", [FILES, ALL_BUT_LISTINGS, DRAWN])
@pytest.mark.parametrize("part", [*PARTS[1:], *TAG_FILES])
def test_a_link_that_is_there_only_while_a_call_opens_leads_nowhere(
    installation: Installation, drop: Path, part: str, calls: str, monkeypatch: pytest.MonkeyPatch
):
    """No one is quicker: what looks sees the drop as it was, and what opens finds a link in its place."""
    real = beneath.openat2
    swap = exchange_of(drop, part)
    exchanging = threading.Lock()

    def openat2(folder: int, path: str, flags: int, resolve: int) -> int:
        if not path.startswith(str(drop)) or not is_exchanged_for(calls, flags):
            return real(folder, path, flags, resolve)
        with exchanging:
            swap()
            try:
                return real(folder, path, flags, resolve)
            finally:
                swap()

    monkeypatch.setattr(beneath, "openat2", openat2)
    require_nothing_of_it(installation, drop, preserve_while(installation, drop))


@pytest.mark.parametrize("part", ["letters", "data/letters"])
def test_another_process_that_exchanges_without_a_pause_gets_nothing_kept(
    installation: Installation, drop: Path, part: str
):
    swap = exchange_of(drop, part)
    with exchanged_again_and_again(swap, random.Random()):  # noqa: S311  no secret is drawn
        result = preserve_while(installation, drop)
    require_nothing_of_it(installation, drop, result)
