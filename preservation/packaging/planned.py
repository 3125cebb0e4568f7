"""A planned bag, as it lies in the workspace: small figures in one file, entries as records."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec

from preservation.bagit.fetch import FETCH_TXT, FetchEntry, parse_fetch
from preservation.bagit.manifests import decode_path
from preservation.errors import IntegrityError
from preservation.files.durable import written_whole
from preservation.model.amounts import count
from preservation.model.digests import Algorithm
from preservation.model.events import Event
from preservation.model.identifiers import PackageId
from preservation.model.issues import Issue, Severity
from preservation.model.layout import commit
from preservation.model.locators import parse_locator
from preservation.model.packages import BagEntry, EarlierFile
from preservation.model.paths import BagPath, bag_path, quoted
from preservation.packaging import codes
from preservation.records import Records

BAG: Final = "bag"
"""The folder of a workspace in which the tag files lie that were written for the bag."""

_SUMMARY: Final = "planned.json"
_ENTRIES: Final = "entries.jsonl.gz"


@dataclass(frozen=True, slots=True)
class PlanSummary:
    """What is worth knowing of a planned bag without reading its entries.

    ``files`` and ``bytes`` count what is to be written, tag files too; ``payload_files`` and
    ``payload_bytes`` the whole payload; ``fetched_files`` and ``fetched_bytes`` what of it lies in
    earlier versions; ``hard_names`` how many of its names ``bagit.py`` cannot read, ``named`` the first of
    them.
    """

    package: PackageId
    algorithm: Algorithm
    files: int
    bytes: int
    payload_files: int
    payload_bytes: int
    event: Event
    fetched_files: int = 0
    fetched_bytes: int = 0
    hard_names: int = 0
    named: tuple[BagPath, ...] = ()

    @property
    def issues(self) -> tuple[Issue, ...]:
        """What whoever checks the package with another program must know."""
        if not self.hard_names:
            return ()
        have = f"{count(self.hard_names, 'file')} {'has a name' if self.hard_names == 1 else 'have names'}"
        examples = ", ".join(map(quoted, self.named))
        return (
            Issue(
                codes.HARD_NAMES,
                Severity.INFO,
                f"{have} that bagit.py of the Library of Congress cannot read in a manifest: {examples}"
                f"{' and more' if self.hard_names > len(self.named) else ''}. It reports them as missing.",
                None,
                "Nothing: the package is right by RFC 8493, and its README.txt says how to check it.",
            ),
        )


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
    def commit(self) -> BagPath:
        """The file whose presence makes the version exist: the tag manifest of that algorithm."""
        return commit(self.algorithm)

    @property
    def entries(self) -> Iterable[BagEntry]:
        """Every file that is to be written, payload and tag files alike, the tag manifest last."""
        return planned_entries(self.workspace)

    @property
    def earlier(self) -> Iterator[EarlierFile]:
        """What the bag's own ``fetch.txt`` names, in the order of its lines."""
        if self.summary.fetched_files:
            yield from listed_earlier(self.workspace / BAG)

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
    with written_whole(workspace / _SUMMARY) as sink:
        sink.write(msgspec.json.encode(summary))
    return PlannedBag(workspace, summary)


def listed_earlier(folder: Path) -> Iterator[EarlierFile]:
    """Read what the ``fetch.txt`` in ``folder`` names (RFC 8493 section 2.2.3), line by line.

    Raises ``IntegrityError`` where a line is not one of ours.
    """
    path = folder / FETCH_TXT
    with path.open(encoding="utf-8", newline="\n") as lines:
        for line in parse_fetch(text.rstrip("\n") for text in lines):
            locator = parse_locator(line.url) if isinstance(line, FetchEntry) else None
            if not isinstance(line, FetchEntry) or locator is None or line.length is None:
                raise IntegrityError(
                    f"{path}, line {line.number}: not written by Muniment; remove the submission's folder "
                    "in processing/ and preserve the drop again"
                )
            yield EarlierFile(bag_path(decode_path(line.path)), locator, line.length)
