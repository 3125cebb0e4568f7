"""Siegfried, in process by way of pygfried: asked first, about every file, many files a call."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING

import pygfried

from preservation.errors import ToolFailedError
from preservation.identification.opinions import EngineCandidate, Opinion
from preservation.model.formats import EngineName, EngineRelease, FormatMatch, MimeType, puid

if TYPE_CHECKING:
    from pygfried import DetailedIdentifyResult, File, Match

SIEGFRIED = EngineName("siegfried")

_UNKNOWN = "UNKNOWN"
_EMPTY_SOURCE = "empty source"
_BY_NAME = ("extension match ", "glob match ", "filename match ")


def opinions(paths: Sequence[str]) -> list[Opinion]:
    """Return siegfried's opinion on each of the files, in their order.

    The paths must be those of plain files and valid UTF-8; siegfried opens them, and follows links. No
    Python code runs until all are read, because pygfried keeps the interpreter's lock. What siegfried could
    not read is a remark, not an error. Raises ``ToolFailedError`` where siegfried fails as a whole.
    """
    return [_opinion(file) for file in _asked(paths)["files"]]


@cache
def release() -> EngineRelease:
    """Return siegfried's version and the PRONOM release that it knows."""
    answer = _asked([])
    signatures = "; ".join(identifier["details"] for identifier in answer["identifiers"])
    return EngineRelease(SIEGFRIED, answer["siegfried"], signatures)


def _asked(paths: Sequence[str]) -> DetailedIdentifyResult:
    try:
        return pygfried.identify_many(paths)
    except pygfried.GoError as error:
        first = paths[0] if paths else "no file"
        raise ToolFailedError(
            f"siegfried failed on {len(paths)} files, the first of them {first!r}: {error}; "
            "run `muniment doctor` and reinstall Muniment's environment where it says so"
        ) from error


def _opinion(file: File) -> Opinion:
    matches = [match for match in file["matches"] if match["id"] != _UNKNOWN]
    remarks = [match["warning"] for match in file["matches"] if match["warning"]]
    of_nothing = file["errors"] == _EMPTY_SOURCE
    unsure = bool(file["errors"]) and not of_nothing
    if unsure:
        remarks.append(f"siegfried: {file['errors']}")
    return Opinion(tuple(_candidate(match) for match in matches), tuple(remarks), of_nothing, unsure)


def _candidate(match: Match) -> EngineCandidate:
    return EngineCandidate(
        FormatMatch(puid(match["id"]), match["format"], match["version"], match["basis"], SIEGFRIED),
        by_signature=not all(part.startswith(_BY_NAME) for part in match["basis"].split("; ")),
        mime=MimeType(match["mime"].partition(",")[0].strip()),
    )
