"""Manifests that came with a drop: found before the survey, compared with it in one pass afterwards."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple, TypeAlias

from preservation.manifests.lines import ListedFile, manifest_lines
from preservation.manifests.names import sidecar_name
from preservation.manifests.places import Places
from preservation.model.digests import Algorithm, HexDigest
from preservation.model.files import IrregularEntry, SurveyedFile
from preservation.model.issues import Issue, IssueCode
from preservation.model.paths import RelativePath
from preservation.model.supplied import SuppliedManifest
from preservation.survey import issues
from preservation.survey.finding import FoundManifest

ISSUES_KEPT = 1_000
"""How many issues of one kind are kept of one manifest; the rest are counted."""

_JUNK = frozenset({"thumbs.db", "desktop.ini", ".ds_store", ".directory"})
_TAG_FILES = frozenset({"bagit.txt", "bag-info.txt", "fetch.txt"})
_BEGINNINGS = ("._", "metadata.", "tagmanifest-")
_DESCRIBING_FOLDER = "metadata/"


def goes_unlisted(path: RelativePath) -> bool:
    """Say whether ``path`` is expected in no manifest: junk, metadata, tag files of a bag in the drop."""
    name = path.rpartition("/")[2].lower()
    by_name = name in _JUNK or name in _TAG_FILES or name.startswith(_BEGINNINGS)
    return by_name or path.startswith(_DESCRIBING_FOLDER)


def check_supplied(
    manifests: Sequence[FoundManifest],
    root: Path,
    survey: Iterable[SurveyedFile | IrregularEntry],
    *,
    uncounted: Callable[[RelativePath], bool] = goes_unlisted,
) -> Iterator[SuppliedManifest]:
    """Compare every file that the manifests list with what the survey found, and give the results.

    ``survey`` has been made with ``algorithms_needed(manifests)``. Memory holds the manifests' entries,
    not the survey's records. Files for which ``uncounted`` is true, and manifests, need not be listed.
    A manifest that cannot be read any more is one that cannot be read: an issue.
    """
    checks = [_Check(manifest, root) for manifest in manifests]
    expected: _Expected = {}
    for check in checks:
        check.expect(expected)
    are_manifests = {manifest.path for manifest in manifests}
    above = _ManifestsAbove(_by_folder(checks))
    for file in survey:
        if isinstance(file, IrregularEntry):
            continue
        promises = expected.pop(file.path, None)
        if promises is not None:
            _compare(file, promises)
        elif above.any and file.path not in are_manifests and not uncounted(file.path):
            nearest = above.nearest(file.path)
            if nearest is not None:
                nearest.unlisted.add(file.path)
    for path, promises in expected.items():
        for check in dict.fromkeys(promise.check for promise in promises):
            check.keep(issues.listed_but_missing(check.manifest.path, path))
    for check in checks:
        yield check.outcome()


class _Check:
    def __init__(self, manifest: FoundManifest, root: Path) -> None:
        self.manifest = manifest
        self.places = Places(root, manifest.path)
        self._root = root
        self.confirmed = 0
        self._issues: list[Issue] = []
        self._kept: Counter[IssueCode] = Counter()
        self._first: dict[IssueCode, Issue] = {}
        self.unlisted = _Examples()
        self._respelled = _Examples()

    def expect(self, expected: _Expected) -> None:
        """Read the manifest, and note under each file of the drop what is promised of it."""
        if self.manifest.fault is not None:
            why = issues.too_much if self.manifest.too_much else issues.not_a_manifest
            self.keep(why(self.manifest.path, self.manifest.fault))
            return
        try:
            self.places.settle_prefix(listed.name for listed in self._listed())
            for listed in self._listed():
                if listed.algorithm in self.manifest.algorithms:
                    self._expect(listed, expected)
        except (OSError, ValueError) as error:
            self.keep(issues.not_a_manifest(self.manifest.path, f"it changed after it was found ({error})"))

    def keep(self, issue: Issue) -> None:
        self._kept[issue.code] += 1
        self._first.setdefault(issue.code, issue)
        if self._kept[issue.code] <= ISSUES_KEPT:
            self._issues.append(issue)

    def outcome(self) -> SuppliedManifest:
        manifest = self.manifest
        path = manifest.path
        summary = [
            issues.more_of(path, code, self._first[code].severity, count - ISSUES_KEPT)
            for code, count in self._kept.items()
            if count > ISSUES_KEPT
        ]
        if manifest.odd_lines and manifest.fault is None:
            summary.append(issues.lines_not_understood(path, manifest.odd_lines, manifest.first_odd))
        if self.unlisted.count:
            summary.append(issues.not_listed(path, self.unlisted.count, self.unlisted.first))
        if self.places.prefix:
            summary.append(issues.found_elsewhere(path, self.places.prefix))
        if self._respelled.count:
            summary.append(issues.spelled_otherwise(path, self._respelled.count, self._respelled.first))
        return SuppliedManifest(
            path,
            manifest.algorithms,
            manifest.layout,
            manifest.entries,
            self.confirmed,
            (*self._issues, *summary),
        )

    def _listed(self) -> Iterator[ListedFile]:
        for line in manifest_lines(self._root, self.manifest.path):
            if isinstance(line, tuple):
                yield from line

    def _expect(self, listed: ListedFile, expected: _Expected) -> None:
        name = listed.name or sidecar_name(self.manifest.path)
        place = self.places.of(name) if name else None
        if place is not None:
            if place.respelled:
                self._respelled.add(place.path)
            expected.setdefault(place.path, []).append(_Promise(self, listed.algorithm, listed.digest))
        elif not name:
            self.keep(issues.not_a_manifest(self.manifest.path, "it holds a digest and names no file"))
        elif (path := self.places.expected_at(name)) is None:
            self.keep(issues.leads_out(self.manifest.path, name))
        else:
            self.keep(issues.listed_but_missing(self.manifest.path, path))


class _Promise(NamedTuple):
    """What one manifest says of one file. A plain tuple, for there is one for each line of a manifest."""

    check: _Check
    algorithm: Algorithm
    digest: bytes


_Expected: TypeAlias = dict[RelativePath, list[_Promise]]


class _Examples:
    def __init__(self) -> None:
        self.count = 0
        self.first: list[RelativePath] = []

    def add(self, path: RelativePath) -> None:
        self.count += 1
        if len(self.first) < issues.NAMED:
            self.first.append(path)


def _by_folder(checks: Iterable[_Check]) -> dict[str, _Check]:
    """Return the manifests that list a folder, not one file only, by the folder they lie in."""
    by_folder: dict[str, _Check] = {}
    for check in checks:
        if check.manifest.fault is None and check.places.of_one_file is None:
            by_folder.setdefault(check.manifest.path.rpartition("/")[0], check)
    return by_folder


class _ManifestsAbove:
    """Finds the manifest of the nearest folder above a file; once a folder, for files come by folder."""

    def __init__(self, by_folder: dict[str, _Check]) -> None:
        self.any = bool(by_folder)
        self._by_folder = by_folder
        self._longest = max(map(len, by_folder), default=0)
        self._folder: str | None = None
        self._nearest: _Check | None = None

    def nearest(self, path: RelativePath) -> _Check | None:
        """Return it, ``None`` where there is none."""
        folder = path.rpartition("/")[0]
        if folder != self._folder:
            self._folder, self._nearest = folder, self._found(folder)
        return self._nearest

    def _found(self, folder: str) -> _Check | None:
        # No manifest lies further down than the one that lies furthest down.
        if len(folder) > self._longest:
            folder = folder[: self._longest + 1].rpartition("/")[0]
        while folder and folder not in self._by_folder:
            folder = folder.rpartition("/")[0]
        return self._by_folder.get(folder)


def _compare(file: SurveyedFile, promises: list[_Promise]) -> None:
    by_check: dict[_Check, list[_Promise]] = {}
    for promise in promises:
        by_check.setdefault(promise.check, []).append(promise)
    for check, own in by_check.items():
        differing = [
            (promise.algorithm, HexDigest(promise.digest.hex()), file.digests[promise.algorithm])
            for promise in own
            if promise.digest.hex() != file.digests[promise.algorithm]
        ]
        if differing:
            check.keep(issues.wrong_digest(check.manifest.path, file.path, differing))
        else:
            check.confirmed += 1
