"""A planned bag, as it lies in the workspace: small figures in one file, entries as records."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec

from preservation.errors import IntegrityError
from preservation.model.digests import Algorithm
from preservation.model.events import Event
from preservation.model.identifiers import PackageId
from preservation.model.packages import BagEntry
from preservation.records import Records

_SUMMARY: Final = "planned.json"
_ENTRIES: Final = "entries.jsonl"


@dataclass(frozen=True, slots=True)
class PlanSummary:
    """What is worth knowing of a planned bag without reading its entries. ``bytes`` counts all files."""

    package: PackageId
    algorithm: Algorithm
    files: int
    bytes: int
    payload_files: int
    payload_bytes: int
    event: Event


@dataclass(frozen=True, slots=True)
class PlannedBag:
    """A bag that is planned, not staged (``model.packages.BagPlan``), and survives a crash."""

    workspace: Path
    summary: PlanSummary

    @property
    def package(self) -> PackageId:
        """Which version this is."""
        return self.summary.package

    @property
    def algorithm(self) -> Algorithm:
        """The algorithm of the manifests, by which replicas are compared."""
        return self.summary.algorithm

    @property
    def entries(self) -> Iterable[BagEntry]:
        """Every file of the bag, payload and tag files alike, the tag manifest last."""
        return planned_entries(self.workspace)

    @classmethod
    def open(cls, workspace: Path) -> PlannedBag | None:
        """Return the bag that was planned in ``workspace``, or ``None`` where planning was not finished.

        Raises ``IntegrityError`` where what lies there was not written by this program.
        """
        path = workspace / _SUMMARY
        try:
            return cls(workspace, msgspec.json.decode(path.read_bytes(), type=PlanSummary))
        except FileNotFoundError:
            return None
        except msgspec.MsgspecError as error:
            raise IntegrityError(
                f"{path}: not a plan of Muniment ({error}); remove the submission's folder in processing/ "
                "and preserve the drop again"
            ) from error


def planned_entries(workspace: Path) -> Records[BagEntry]:
    """Return the records of a plan's entries, written or not."""
    return Records(workspace / _ENTRIES, BagEntry)


def forget_plan(workspace: Path) -> None:
    """Take back an earlier plan, so that one made in part is never taken for a whole one."""
    (workspace / _SUMMARY).unlink(missing_ok=True)


def finish_plan(workspace: Path, summary: PlanSummary) -> PlannedBag:
    """Say that the plan is whole: durable, and visible at once."""
    partial = workspace / f"{_SUMMARY}.part"
    with partial.open("wb") as sink:
        sink.write(msgspec.json.encode(summary))
        sink.flush()
        os.fsync(sink.fileno())
    partial.replace(workspace / _SUMMARY)
    return PlannedBag(workspace, summary)
