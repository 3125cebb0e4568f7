"""A submission's folder: what is counted in it once, and not before it is sure."""

from __future__ import annotations

from pathlib import Path

from flows.submission.workspace import SURVEYING_STAGE, Extent, Workspace
from preservation.model.digests import Algorithm, HexDigest
from preservation.model.files import EntryKind, IrregularEntry, SurveyedFile
from preservation.model.formats import Identification, MimeType
from preservation.model.paths import RelativePath


def surveyed(path: str, size: int) -> SurveyedFile:
    digests = {Algorithm.SHA256: HexDigest("0" * 64)}
    return SurveyedFile(RelativePath(path), size, 0, digests, Identification((), None, MimeType("")))


def test_files_are_counted_without_what_is_no_file(tmp_path: Path):
    workspace = Workspace(tmp_path)
    assert workspace.tally() == Extent(0, 0)
    link = IrregularEntry(RelativePath("c"), EntryKind.SYMLINK, "leads elsewhere")
    workspace.survey.write([surveyed("a", 2), surveyed("b", 3), link])
    assert workspace.tally() == Extent(2, 5)


def test_a_survey_that_is_not_done_is_counted_again_and_a_done_one_is_not(tmp_path: Path):
    workspace = Workspace(tmp_path)
    workspace.survey.write([surveyed("a", 2)])
    assert workspace.tally() == Extent(1, 2)
    workspace.survey.write([surveyed("a", 2), surveyed("b", 3)])
    workspace.events(SURVEYING_STAGE).write([])
    assert workspace.tally() == Extent(2, 5)
    workspace.survey.path.unlink()
    assert Workspace(tmp_path).tally() == Extent(2, 5)
