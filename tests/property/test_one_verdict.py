"""How a drop ended is one value: every form of the answer says the same."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from lxml import html
from support.packages import AT, surveyed
from support.records import a_registration, package_named

from flows.cli.output import GRAVEST_FIRST
from flows.installation.init import make_installation
from flows.installation.settings_file import load_settings
from flows.installation.wiring import Installation, open_installation
from flows.orchestration.preserve import _state_of
from flows.submission.answer import RunResult, SubmissionResult, answer
from flows.submission.stages.lacking import lacking_issue, lacking_sentence
from flows.submission.stages.plan import issues_of_the_whole
from flows.submission.stages.register import kept_sentence
from flows.submission.stages.stage import end, interrupt
from flows.submission.workspace import LackingStore, Workspace
from preservation.model.difference import ChangeKind, FileChange, VersionDifference
from preservation.model.digests import HexDigest
from preservation.model.identifiers import ObjectId, ObjectName, StoreName, collection_name
from preservation.model.packages import Replica
from preservation.model.paths import RelativePath
from preservation.model.verdicts import Verdict
from preservation.policy.load import parse
from preservation.policy.selection import decide
from preservation.survey.walk import TreeOutline

_POLICY = b"""
policy = "letters"
revision = 1
[intake]
junk = ["*.junk"]
junk_action = "leave-out"
[[screen]]
check = "irregular-entries"
outcome = "reject"
because = "A link is no file."
[otherwise]
action = "retain"
because = "Kept as it came."
[replication]
copies = 2
sites = 2
"""
_PACKAGE = package_named("files/letters/v2")
_REPLICAS = tuple(
    Replica(StoreName(store), f"/stores/{store}/files/letters/v2", AT, 9, 900)
    for store in ("first", "second")
)
_EVENT_OUTCOMES = {
    Verdict.STORED: "success",
    Verdict.ALREADY_KEPT: "success",
    Verdict.REJECTED: "fail",
    Verdict.INTERRUPTED: "fail",
    Verdict.WAITING: "warning",
}
_STATES = {
    Verdict.STORED: ("COMPLETED", "Stored"),
    Verdict.ALREADY_KEPT: ("COMPLETED", "Already kept"),
    Verdict.REJECTED: ("FAILED", "Rejected"),
    Verdict.INTERRUPTED: ("CRASHED", "Interrupted"),
    Verdict.WAITING: ("CANCELLED", "Waiting"),
}
_GRAVEST_LAST = [Verdict.ALREADY_KEPT, Verdict.STORED, Verdict.WAITING, Verdict.REJECTED, Verdict.INTERRUPTED]


@dataclass(frozen=True)
class Case:
    """A drop of ``kept`` files and ``junk``, that ended with ``verdict``."""

    verdict: Verdict
    kept: int
    junk: int
    removed: int
    lacking: bool


CASES = st.builds(
    Case,
    st.sampled_from(list(Verdict)),
    st.integers(0, 3),
    st.integers(0, 2),
    st.integers(0, 2),
    st.booleans(),
)


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    directory = tmp_path_factory.mktemp("one-verdict") / "archive"
    make_installation(directory)
    with open_installation(load_settings(directory)) as opened:
        opened.catalogue.register(a_registration(str(_PACKAGE), "00ff"), ())
        yield opened


def ended(case: Case, root: Path, number: int) -> Workspace:
    """A submission that ended so, with what the stages had recorded."""
    workspace = Workspace(root / "files" / f"letters-{number}")
    object_id = ObjectId(collection_name("files"), ObjectName(f"letters-{number}"))
    policy = parse(_POLICY, "test")
    workspace.start(
        object_id, root / "drop", TreeOutline(HexDigest("0" * 64), 0, 0), policy, datetime.now(UTC)
    )
    files = [surveyed(f"{number}.txt", b"x") for number in range(case.kept)]
    files += [surveyed(f"{number}.x.junk", b"xx") for number in range(case.junk)]
    files.sort(key=lambda file: file.path)
    workspace.survey.write(files)
    workspace.decisions.write(decide(policy, file) for file in files)
    removed = [FileChange(ChangeKind.REMOVED, RelativePath(f"{page}.old")) for page in range(case.removed)]
    workspace.changes.write(removed)
    difference = VersionDifference(
        package_named("files/letters/v1"), 9, 0, 0, 0, case.removed, is_unrelated=False
    )
    workspace.difference.write([difference] if case.removed else [])
    lacking = [LackingStore(StoreName("third"), "it is away")] if case.lacking else []
    issues = [*issues_of_the_whole(workspace), *map(lacking_issue, lacking)]
    match case.verdict:
        case Verdict.STORED:
            sentence = kept_sentence(_PACKAGE, case.kept, case.kept + case.junk, _REPLICAS)
            sentence += lacking_sentence(lacking)
            end(workspace, case.verdict, sentence, issues=issues, package=_PACKAGE, replicas=_REPLICAS)
        case Verdict.ALREADY_KEPT:
            end(workspace, case.verdict, "Kept since.", package=_PACKAGE, replicas=_REPLICAS)
        case Verdict.INTERRUPTED:
            interrupt(workspace, "the disk is full")
        case _:
            end(workspace, case.verdict, "A person reads why.", issues=issues)
    return workspace


def count_before(word: str, text: str) -> int:
    found = re.search(rf"([0-9]+)\W*{word}", text)
    return int(found[1]) if found else 0


def says_the_same(result: SubmissionResult, case: Case, installation: Installation) -> None:
    ending = result.ending
    assert ending.verdict is case.verdict
    assert ending.kept.files == (case.kept if case.verdict in {Verdict.STORED, Verdict.ALREADY_KEPT} else 0)
    assert ending.files == case.kept + case.junk

    *_, entry = (
        one for one in installation.journal.about(result.object) if one.event_type == "ingestion end"
    )
    assert (entry.detail, entry.note, entry.outcome) == (
        case.verdict,
        ending.sentence,
        _EVENT_OUTCOMES[case.verdict],
    )

    state = _state_of(RunResult([result]))
    assert (state.type.value, state.name, state.message) == (*_STATES[case.verdict], ending.sentence)

    assert result.receipt is not None
    receipt = json.loads(result.receipt.with_suffix(".json").read_bytes())
    assert (receipt["verdict"], receipt["sentence"]) == (case.verdict, ending.sentence)
    page = html.document_fromstring(result.receipt.read_text())
    text = " ".join(page.find(".//header").text_content().split())
    assert page.find(".//header").get("class") == f"verdict {case.verdict}"
    for form in (text, result.markdown.replace("\\", "")):
        assert receipt["headline"] in form
        assert ending.sentence in form
        assert receipt["next_step"] in form

    if case.verdict is Verdict.STORED:
        numbers = {
            ending.kept.files,
            count_before("files? kept", result.markdown) if case.kept + case.junk else 0,
            receipt["figures"]["kept"],
            count_before("files?, read back", ending.sentence),
        }
        assert numbers == {case.kept}
        assert count_before("files? of the drop w[a-z]+ left out", ending.sentence) == case.junk
        assert ("without" in receipt["headline"]) is bool(case.removed)
    if case.removed and case.verdict is not Verdict.ALREADY_KEPT:
        assert receipt["compared"]["removed"] == [f"{page}.old" for page in range(case.removed)]
        assert "Compared with version 1" in page.text_content()
        assert "Compared with version 1" in result.markdown


@hypothesis_settings(max_examples=30)
@given(cases=st.lists(CASES, min_size=1, max_size=3))
def test_every_form_of_an_answer_says_what_became_of_the_drop(installation: Installation, cases: list[Case]):
    with TemporaryDirectory() as folder:
        workspaces = [ended(case, Path(folder), number) for number, case in enumerate(cases)]
        results = answer(workspaces, installation)
        for result, case in zip(results, cases, strict=True):
            says_the_same(result, case, installation)
    gravest = max((case.verdict for case in cases), key=_GRAVEST_LAST.index)
    codes = {result.ending.verdict.exit_code for result in results}
    assert next(code for code in GRAVEST_FIRST if code in codes) == gravest.exit_code
    state = _state_of(RunResult(results))
    if len({case.verdict for case in cases}) == 1:
        assert (state.type.value, state.name) == _STATES[gravest]
    else:
        # What is wrong with one drop is no failure of the others: the name counts.
        assert state.type.value == ("CRASHED" if gravest is Verdict.INTERRUPTED else "COMPLETED")
        counted = Counter(case.verdict for case in cases)
        assert all(f"{number} {verdict}" in (state.name or "") for verdict, number in counted.items())
