"""Identification against files whose format is known: as siegfried finds it, or better."""

from __future__ import annotations

from itertools import islice
from pathlib import Path

import pygfried
import pytest
from support.identifications import said_by_fido_itself

from preservation.identification import fido, siegfried
from preservation.identification.deciding import DISAGREEMENT, in_doubt
from preservation.identification.identify import Identifier
from preservation.model.formats import Identification

_BATCH = 256

Row = dict[str, str]


def identified(corpora: Path, rows: list[Row], *, second_opinion: bool = True) -> list[Identification]:
    identifier = Identifier(second_opinion=second_opinion)
    paths = iter([corpora / row["path"] for row in rows])
    found: list[Identification] = []
    while batch := list(islice(paths, _BATCH)):
        found += identifier.identify_batch(batch)
    return found


def wrong(rows: list[Row], found: list[Identification]) -> list[str]:
    return [
        f"{row['path']}: {row['expected_puid']} expected, {identification}"
        for row, identification in zip(rows, found, strict=True)
        if identification.decided != row["expected_puid"]
    ]


@pytest.fixture(scope="session")
def skeletons(corpora_manifest: list[Row]) -> list[Row]:
    return [row for row in corpora_manifest if row["kind"] == "skeleton" and row["puid_basis"] == "filename"]


@pytest.fixture(scope="session")
def real_files(corpora_manifest: list[Row]) -> list[Row]:
    return [row for row in corpora_manifest if row["kind"] != "skeleton" and row["expected_puid"]]


@pytest.mark.parametrize("second_opinion", [True, False])
def test_every_pronom_skeleton_is_decided_as_pronom_means_it(
    corpora: Path,
    skeletons: list[Row],
    second_opinion: bool,  # noqa: FBT001  pytest gives parameters
):
    assert len(skeletons) > 1000

    assert wrong(skeletons, identified(corpora, skeletons, second_opinion=second_opinion)) == []


def test_every_real_file_of_known_format_is_decided_as_it_is_known(corpora: Path, real_files: list[Row]):
    assert len(real_files) > 1000

    assert wrong(real_files, identified(corpora, real_files)) == []


def test_wherever_siegfried_knows_one_format_by_signature_that_is_the_decision(
    corpora: Path, corpora_manifest: list[Row]
):
    rows = [row for row in corpora_manifest if row["kind"] != "names"]
    answers = pygfried.identify_many([str(corpora / row["path"]) for row in rows], workers=2)["files"]
    found = identified(corpora, rows)

    for answer, identification in zip(answers, found, strict=True):
        (match,) = answer["matches"]
        if answer["errors"] and answer["errors"] != "empty source":
            # What it could not read to its end, it does not know: fido is asked.
            continue
        by_signature = match["id"] != "UNKNOWN" and "match on extension only" not in match["warning"]
        if by_signature:
            assert identification.decided == match["id"], answer["filename"]
        elif identification.decided is None and identification.matches:
            assert any(warning.startswith(DISAGREEMENT) for warning in identification.warnings)


def test_the_second_opinion_is_that_of_fido_itself(corpora: Path, corpora_manifest: list[Row]):
    paths = [
        corpora / row["path"] for row in corpora_manifest if row["kind"] in {"real", "malformed", "pdfa"}
    ]
    doubted = [
        path
        for path, first in zip(paths, siegfried.opinions([str(path) for path in paths]), strict=True)
        if in_doubt(first) and not first.of_nothing
    ][::3]
    assert len(doubted) > 30

    for path in doubted:
        assert {candidate.match.puid for candidate in fido.opinion(path).candidates} == said_by_fido_itself(
            path
        ), path
