"""Screening as a stage: order, policy, junk, names, formats, irregular entries."""

from __future__ import annotations

import os
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.images import drawn, encoded
from support.screenings import codes, policy_that, screened, surveyed
from support.surveys import UNIDENTIFIED

from preservation.identification.deciding import DISAGREEMENT
from preservation.model.files import EntryKind, IrregularEntry, SurveyedFile
from preservation.model.formats import EngineName, FormatMatch, Identification, MimeType, Puid
from preservation.model.issues import IssueCode, Severity
from preservation.model.name_rules import NameRules
from preservation.model.paths import RelativePath, path_order
from preservation.model.screening import ScreenedFile
from preservation.policy.load import parse
from preservation.policy.schema import Policy
from preservation.screening.checks import surface_checks_for
from preservation.screening.examiners import JOB_MODULES
from preservation.screening.screen import screen
from preservation.tools.limits import Limits
from preservation.tools.workers import CagedWorkers


@pytest.fixture(scope="module")
def workers() -> Iterator[CagedWorkers]:
    with CagedWorkers(Limits(), 2, JOB_MODULES) as pool:
        yield pool


def of_values(
    tmp_path: Path,
    workers: CagedWorkers,
    *found: SurveyedFile | IrregularEntry,
    policy: Policy | None = None,
    name_rules: tuple[NameRules, ...] = (),
) -> list[ScreenedFile]:
    """Screen what no file system here can hold, or what nobody wants to wait for."""
    return list(
        screen(
            found,
            root=tmp_path,
            policy=policy or policy_that(),
            name_rules=name_rules,
            workers=workers,
            thumbnails=tmp_path / "thumbnails",
        )
    )


def a_file(path: str, identification: Identification = UNIDENTIFIED, size: int = 1) -> SurveyedFile:
    return SurveyedFile(RelativePath(path), size, 0, {}, identification)


def plain_text(*warnings: str) -> Identification:
    match = FormatMatch(Puid("x-fmt/111"), "Plain Text File", "", "text match", EngineName("siegfried"))
    return Identification((match,), Puid("x-fmt/111"), MimeType("text/plain"), warnings)


def test_every_entry_is_screened_once_and_in_order(tmp_path: Path, workers: CagedWorkers) -> None:
    root = tmp_path / "drop"
    for name in ("b/scan.png", "a.txt", "b.txt", "ä.txt", ".hidden", "z z.jpg"):
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(encoded(drawn(), "PNG") if name.endswith("png") else b"words")
    (root / "link").symlink_to("a.txt")
    (root / "nothing here").mkdir()
    paths = list(screened(root, workers))
    assert paths == [entry.path for entry in surveyed(root)]
    assert paths == sorted(paths, key=path_order)
    assert len(paths) == 8


def test_whoever_watches_is_told_of_every_file_as_it_is_done(tmp_path: Path, workers: CagedWorkers) -> None:
    root = tmp_path / "drop"
    root.mkdir()
    for name in ("a.png", "b.png", "c.txt"):
        (root / name).write_bytes(encoded(drawn(), "PNG") if name.endswith("png") else b"words")
    (root / "link").symlink_to("a.png")
    told: list[int] = []
    results = screen(
        surveyed(root),
        root=root,
        policy=policy_that(decodable_images="reject"),
        name_rules=(),
        workers=workers,
        thumbnails=tmp_path / "thumbnails",
        progress=lambda files, _: told.append(files),
    )
    assert len(list(results)) == 4
    assert told == [1, 1, 1]


def test_a_check_that_the_policy_does_not_list_is_not_made(tmp_path: Path, workers: CagedWorkers) -> None:
    root = tmp_path / "drop"
    root.mkdir()
    (root / "broken.png").write_bytes(encoded(drawn(), "PNG")[:-3000])
    (root / "empty").touch()
    policy = policy_that(irregular_entries="reject")
    assert [result.issues for result in screened(root, workers, policy=policy).values()] == [(), ()]
    assert list((tmp_path / "thumbnails").iterdir()) == []


@pytest.mark.parametrize(
    ("outcome", "severity"),
    [("reject", Severity.ERROR), ("ask", Severity.QUESTION), ("warn", Severity.WARNING)],
)
def test_the_policys_outcome_is_the_issues_severity(
    tmp_path: Path, workers: CagedWorkers, outcome: str, severity: Severity
) -> None:
    (result,) = of_values(tmp_path, workers, a_file("empty", size=0), policy=policy_that(not_empty=outcome))
    assert codes(result) == {IssueCode("SCR-011"): severity}


@pytest.mark.parametrize(
    ("kind", "code"),
    [
        (EntryKind.SYMLINK, "SCR-001"),
        (EntryKind.DEVICE, "SCR-001"),
        (EntryKind.UNREADABLE, "SCR-002"),
        (EntryKind.UNNAMEABLE, "SCR-003"),
        (EntryKind.CHANGED, "SCR-004"),
    ],
)
def test_what_cannot_be_kept_is_an_error_whatever_the_policy_says(
    tmp_path: Path, workers: CagedWorkers, kind: EntryKind, code: str
) -> None:
    entry = IrregularEntry(RelativePath("it"), kind, "why")
    (result,) = of_values(tmp_path, workers, entry, policy=policy_that(not_empty="warn"))
    assert codes(result) == {IssueCode(code): Severity.ERROR}
    assert result.issues[0].message.startswith("it ")
    assert "(why)." in result.issues[0].message
    assert result.issues[0].next_step


def test_an_empty_folder_is_a_warning_only(tmp_path: Path, workers: CagedWorkers) -> None:
    entry = IrregularEntry(RelativePath("folder"), EntryKind.EMPTY_FOLDER, "")
    (result,) = of_values(tmp_path, workers, entry)
    assert codes(result) == {IssueCode("SCR-005"): Severity.WARNING}


def test_junk_is_left_out_only_where_the_policy_says_so(tmp_path: Path, workers: CagedWorkers) -> None:
    junk = a_file("photos/Thumbs.db", plain_text())
    kept, left_out = (
        of_values(
            tmp_path, workers, junk, policy=policy_that(f'junk = ["Thumbs.db"]\njunk_action = "{action}"')
        )[0]
        for action in ("keep", "leave-out")
    )
    assert (kept.left_out, left_out.left_out) == (False, True)
    assert codes(kept) == codes(left_out) == {IssueCode("SCR-010"): Severity.INFO}


def test_what_is_left_out_is_not_examined(tmp_path: Path, workers: CagedWorkers) -> None:
    policy = policy_that('junk = ["*"]\njunk_action = "leave-out"')
    results = of_values(
        tmp_path,
        workers,
        a_file("empty", size=0),
        IrregularEntry(RelativePath("link"), EntryKind.SYMLINK, ""),
        policy=policy,
    )
    assert [codes(result) for result in results] == [{IssueCode("SCR-010"): Severity.INFO}] * 2


def test_empty_files_may_be_exempt_and_have_no_format_to_complain_of(
    tmp_path: Path, workers: CagedWorkers
) -> None:
    policy = policy_that(not_empty="reject", known_format="reject")
    text = policy.source.replace(b'check = "not-empty"', b'check = "not-empty"\nexempt = ["*.lock"]')
    results = of_values(
        tmp_path, workers, a_file("a.lock", size=0), a_file("b.tif", size=0), policy=parse(text, "test.toml")
    )
    assert [codes(result) for result in results] == [{}, {IssueCode("SCR-011"): Severity.ERROR}]


def test_unknown_and_ambiguous_formats_are_told_apart(tmp_path: Path, workers: CagedWorkers) -> None:
    either = Identification(plain_text().matches, None, MimeType("text/plain"))
    results = of_values(tmp_path, workers, a_file("a", UNIDENTIFIED), a_file("b", either))
    assert ["unknown format" in r.issues[0].message for r in results] == [True, False]
    assert ["ambiguous format" in r.issues[0].message for r in results] == [False, True]
    assert [codes(r) for r in results] == [{IssueCode("SCR-040"): Severity.ERROR}] * 2


def test_engines_that_disagree_and_extensions_that_lie_are_told(
    tmp_path: Path, workers: CagedWorkers
) -> None:
    policy = policy_that(format_disagreement="ask", extension_matches="warn")
    results = of_values(
        tmp_path,
        workers,
        a_file("a", Identification((), None, MimeType(""), (f"{DISAGREEMENT} one says this, one that",))),
        a_file("b.tif", plain_text("extension mismatch")),
        policy=policy,
    )
    assert [codes(result) for result in results] == [
        {IssueCode("SCR-041"): Severity.QUESTION},
        {IssueCode("SCR-042"): Severity.WARNING},
    ]
    assert "one says this, one that" in results[0].issues[0].message


def test_a_real_text_called_tif_is_told(tmp_path: Path, workers: CagedWorkers) -> None:
    root = tmp_path / "drop"
    root.mkdir()
    (root / "scan.tif").write_bytes(encoded(drawn(), "PNG"))
    (result,) = screened(root, workers).values()
    assert codes(result) == {IssueCode("SCR-042"): Severity.ERROR}
    assert "Portable Network Graphics" in result.issues[0].message


def names(tmp_path: Path, workers: CagedWorkers, *paths: str, **more: object) -> list[tuple[str, str]]:
    files = [a_file(path, plain_text()) for path in sorted(paths, key=path_order)]
    results = of_values(tmp_path, workers, *files, policy=policy_that(portable_names="warn"), **more)  # type: ignore[arg-type]
    return [(result.path, issue.code) for result in results for issue in result.issues]


def test_names_that_differ_in_case_or_spelling_only_are_told_once(
    tmp_path: Path, workers: CagedWorkers
) -> None:
    nfc, nfd = "caf\u00e9", "cafe\u0301"
    found = names(tmp_path, workers, "Map.tif", "map.tif", nfc, nfd, "other", "deep/Map.tif")
    assert found == [(nfc, "SCR-051"), ("map.tif", "SCR-050")]


def test_folders_that_would_become_one_are_told_once(tmp_path: Path, workers: CagedWorkers) -> None:
    found = names(tmp_path, workers, "Scans/1.tif", "Scans/2.tif", "scans/3.tif", "scans/4.tif")
    assert found == [("scans/3.tif", "SCR-050")]


def test_a_file_and_a_folder_can_collide_and_files_in_twin_folders_too(
    tmp_path: Path, workers: CagedWorkers
) -> None:
    found = names(tmp_path, workers, "A", "a/x", "B/same", "b/same")
    assert found == [("a/x", "SCR-050"), ("b/same", "SCR-050"), ("b/same", "SCR-050")]


def test_letters_that_only_fold_in_unicode_are_found(tmp_path: Path, workers: CagedWorkers) -> None:
    assert names(tmp_path, workers, "STRASSE", "stra\u00dfe") == [("stra\u00dfe", "SCR-050")]


def test_names_that_a_store_cannot_hold_are_told_with_the_reason(
    tmp_path: Path, workers: CagedWorkers
) -> None:
    rules = NameRules(
        max_segment_bytes=20,
        max_path_bytes=60,
        forbidden=frozenset(':"'),
        forbidden_endings=(" ", "."),
        reserved=frozenset({"con"}),
    )
    assert [rules.fault_of(name) is None for name in ("a/b", "e" * 20, "x.con", "co n")] == [True] * 4
    for name, reason in {
        "a:b": "holds ':'",
        "end ": "ends with ' '",
        "CON.txt": "name of a device",
        "\u00e9" * 11: "has 22 bytes",
        "/".join("abcdefghij"): "the whole path has",
    }.items():
        file = a_file(name, plain_text())
        tight = rules if "/" not in name else NameRules(max_path_bytes=30)
        (result,) = of_values(
            tmp_path, workers, file, policy=policy_that(portable_names="reject"), name_rules=(tight, tight)
        )
        assert codes(result) == {IssueCode("SCR-052"): Severity.ERROR}
        assert reason in result.issues[0].message
        assert len(result.issues) == 1


def test_hostile_names_are_shown_escaped(tmp_path: Path, workers: CagedWorkers) -> None:
    (result,) = of_values(tmp_path, workers, a_file("a\n\u202egnp.exe", size=0))
    assert result.path == "a\n\u202egnp.exe"
    assert result.issues[0].message.startswith("a\\n\\u202egnp.exe is empty")


def test_what_a_name_costs_in_memory_lets_a_hundred_thousand_be_compared(
    tmp_path: Path, workers: CagedWorkers
) -> None:
    def drop(count: int) -> Iterator[SurveyedFile]:
        for number in range(count):
            yield a_file(
                f"Box {number // 1000:03}/Folder {number // 50:05}/Scan_{number:06}.txt", plain_text()
            )

    peaks = []
    for count in (1_000, 11_000):
        tracemalloc.start()
        results = screen(
            drop(count),
            root=tmp_path,
            policy=policy_that(portable_names="warn"),
            name_rules=(NameRules(),),
            workers=workers,
            thumbnails=tmp_path / "thumbnails",
        )
        assert sum(1 for _ in results) == count
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    # 100,000 names were measured at 20 MiB.
    assert peaks[1] - peaks[0] < 10_000 * 300


def test_a_file_that_went_away_since_the_survey_is_an_issue_and_no_crash(
    tmp_path: Path, workers: CagedWorkers
) -> None:
    root = tmp_path / "drop"
    root.mkdir()
    (root / "scan.png").write_bytes(encoded(drawn(), "PNG"))
    found = list(surveyed(root))
    os.unlink(root / "scan.png")  # noqa: PTH108  it is what a person does behind our back
    (result,) = screen(
        found,
        root=root,
        policy=policy_that(),
        name_rules=(),
        workers=workers,
        thumbnails=tmp_path / "thumbnails",
    )
    assert codes(result) == {IssueCode("SCR-071"): Severity.ERROR}


def test_names_that_lie_very_deep_take_memory_for_each_folder_once() -> None:
    (check,) = surface_checks_for(policy_that(portable_names="warn"), ())
    tracemalloc.start()
    found = [
        issue.message[-200:]
        for number in range(3)
        for name in ("a.tif", "A.tif")
        for issue in check(a_file(f"d{number}/" * 8_000 + name))
    ]
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert len(found) == 3
    assert peak < 40 << 20
