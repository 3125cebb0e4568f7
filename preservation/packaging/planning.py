"""From contents to a planned bag: the payload as it lies, the tag files as they are written."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

from preservation.model.packages import BagEntry
from preservation.packaging.contents import PackageContents
from preservation.packaging.fetching import FetchList
from preservation.packaging.generated import tag_files
from preservation.packaging.payload import PayloadTally, packaging_event, payload
from preservation.packaging.planned import (
    BAG,
    PlannedBag,
    PlanSummary,
    finish_plan,
    forget_plan,
    planned_entries,
)
from preservation.packaging.tag_files import ManifestsOf


def plan_package(contents: PackageContents, workspace: Path) -> PlannedBag:
    """Plan the bag of ``contents``; write its tag files below ``workspace/bag``.

    What lies in earlier versions is named in ``fetch.txt`` (RFC 8493 section 2.2.3) and in the
    manifests, and is not to be written. The payload is not read: its digests are handed on. Planning
    the same contents again, after a crash or not, makes the same bag byte for byte. Raises
    ``IntegrityError`` where the records do not fit together.
    """
    forget_plan(workspace)
    root = workspace / BAG
    if root.exists():
        shutil.rmtree(root)
    tally = PayloadTally()
    entries = _Counting(_entries(contents, workspace, root, tally))
    planned_entries(workspace).write(entries)
    return finish_plan(
        workspace,
        PlanSummary(
            package=contents.package,
            algorithm=contents.algorithm,
            files=entries.files,
            bytes=entries.bytes,
            payload_files=tally.files,
            payload_bytes=tally.bytes,
            event=packaging_event(contents, tally),
            fetched_files=tally.fetched.total(),
            fetched_bytes=tally.fetched_bytes,
        ),
    )


def _entries(
    contents: PackageContents, workspace: Path, root: Path, tally: PayloadTally
) -> Iterator[BagEntry]:
    """List the whole bag: payload, tag files, manifests, and the tag manifest that commits it last.

    The order is also what makes it work: the tally is whole when tag files are written from it.
    """
    manifests = ManifestsOf("manifest", root, contents.algorithms)
    tag_manifests = ManifestsOf("tagmanifest", root, contents.algorithms)
    fetch = FetchList(contents, root, tally)
    yield from fetch.new_among(manifests.over(payload(contents, workspace, tally)))
    yield from tag_manifests.over(
        chain(tag_files(contents, root, tally), fetch.written(), manifests.written())
    )
    yield from tag_manifests.written()


class _Counting:
    """Entries going by, counted."""

    def __init__(self, entries: Iterator[BagEntry]) -> None:
        self._entries = entries
        self.files = 0
        self.bytes = 0

    def __iter__(self) -> Iterator[BagEntry]:
        for entry in self._entries:
            self.files += 1
            self.bytes += entry.size
            yield entry
