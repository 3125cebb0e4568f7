"""Manifests that came with a drop: found before the survey, compared with it in one pass afterwards."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple, TypeAlias

from preservation.manifests.drop_names import DropNames
from preservation.manifests.layouts import ListedFile, NotUnderstood
from preservation.manifests.lines import manifest_lines
from preservation.manifests.names import sidecar_name
from preservation.manifests.places import Place, Places
from preservation.model.digests import Algorithm, HexDigest
from preservation.model.files import IrregularEntry, SurveyedFile
from preservation.model.issues import Issue, IssueCode, Severity
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
    unchecked: Severity = Severity.QUESTION,
) -> Iterator[SuppliedManifest]:
    """Compare every file that the manifests list with what the survey found, and give the results.

    ``survey`` has been made with ``algorithms_needed(manifests)``. Memory holds the manifests' entries,
    not the survey's records. Files for which ``uncounted`` is true, and manifests, need not be listed.
    ``unchecked`` is how grave it is where a manifest, or a line of it, says of no file what it should be.
    A manifest that cannot be read any more is one that cannot be read: an issue.
    """
    names = DropNames(root)
    checks = [_Check(manifest, root, names, unchecked) for manifest in manifests]
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
            check.miss(path)
    for check in checks:
        yield check.outcome()


class _Check:
    def __init__(self, manifest: FoundManifest, root: Path, names: DropNames, unchecked: Severity) -> None:
        self.manifest = manifest
        self.places = Places(root, manifest.path, names)
        self.folder = manifest.path.rpartition("/")[0]
        self._root = root
        self._unchecked = unchecked
        self.confirmed = self.differing = self._missing = 0
        self._issues: list[Issue] = []
        self._kept: Counter[IssueCode] = Counter()
        self._first: dict[IssueCode, Issue] = {}
        self.unlisted = _Examples()
        self._respelled = _Examples()
        self._unusable = 0
        self._odd_lines = _Examples()
        self._prefixes: dict[str, None] = {}
        self._lists_itself = False
        self.lists_a_folder = False

    def expect(self, expected: _Expected) -> None:
        """Read the manifest, and note under each file of the drop what is promised of it."""
        if self.manifest.too_much:
            self.keep(issues.too_much(self.manifest.path, self.manifest.fault or ""))
            return
        if self.manifest.fault is not None:
            self.keep(issues.not_a_manifest(self.manifest.path, self.manifest.fault, self._unchecked))
            return
        try:
            self.places.settle(
                line[0].name
                for line in manifest_lines(self._root, self.manifest.path)
                if isinstance(line, tuple)
            )
            for line in manifest_lines(self._root, self.manifest.path):
                if isinstance(line, NotUnderstood):
                    self._pass_over(line, expected)
                    continue
                for listed in line:
                    if listed.algorithm in self.manifest.algorithms:
                        self._expect(listed, expected)
        except (OSError, ValueError) as error:
            reason = f"it changed after it was found ({error})"
            self.keep(issues.not_a_manifest(self.manifest.path, reason, self._unchecked))

    def keep(self, issue: Issue) -> None:
        self._kept[issue.code] += 1
        self._first.setdefault(issue.code, issue)
        if self._kept[issue.code] <= ISSUES_KEPT:
            self._issues.append(issue)

    def miss(self, path: RelativePath) -> None:
        """Count a listed file that is not in the drop."""
        self._missing += 1
        self.keep(issues.listed_but_missing(self.manifest.path, path))

    def stands_without_prefix(self, listed: str) -> None:
        """Record that the name ``listed`` was found only without its beginning."""
        self._prefixes[self.places.prefix_of(listed)] = None

    def outcome(self) -> SuppliedManifest:
        manifest = self.manifest
        path = manifest.path
        entries = self.confirmed + self.differing + self._missing + self._unusable
        if not entries and not self._kept:
            self.keep(issues.compares_nothing(path, self._unchecked))
        summary = [
            issues.more_of(path, code, self._first[code].severity, count - ISSUES_KEPT)
            for code, count in self._kept.items()
            if count > ISSUES_KEPT
        ]
        if self._odd_lines.count:
            summary.append(issues.lines_not_understood(path, self._odd_lines.count, self._odd_lines.first))
        if self.unlisted.count:
            summary.append(issues.not_listed(path, self.unlisted.count, self.unlisted.first))
        if self._lists_itself:
            summary.append(issues.lists_itself(path))
        summary.extend(issues.found_elsewhere(path, prefix) for prefix in self._prefixes)
        if self._respelled.count:
            summary.append(issues.spelled_otherwise(path, self._respelled.count, self._respelled.first))
        return SuppliedManifest(
            path,
            manifest.algorithms,
            manifest.layout,
            entries,
            self.confirmed,
            (*self._issues, *summary),
            self.differing,
            self._missing,
            self._unusable,
            self.unlisted.count,
        )

    def _pass_over(self, line: NotUnderstood, expected: _Expected) -> None:
        """Count a line without a digest: of a file of the drop, or of none."""
        place = self.places.of(line.name) if line.name else None
        if place is None:
            self._odd_lines.add(str(line.line))
        else:
            self._unusable += 1
            # It is listed, if not compared.
            expected.setdefault(place.path, [])
            self.keep(
                issues.no_digest(self.manifest.path, place.path, line.line, line.digest, self._unchecked)
            )

    def _expect(self, listed: ListedFile, expected: _Expected) -> None:
        name = listed.name or sidecar_name(self.manifest.path)
        self.lists_a_folder |= bool(listed.name)
        find = self.places.of if listed.name else self.places.named_for
        place = find(name) if name else None
        if place is not None:
            self._expect_at(place, name, listed, expected)
        elif not name:
            reason = "it holds a digest and names no file"
            self.keep(issues.not_a_manifest(self.manifest.path, reason, self._unchecked))
        elif (path := self.places.expected_at(name)) is None:
            self._missing += 1
            self.keep(issues.leads_out(self.manifest.path, name))
        else:
            self.miss(path)

    def _expect_at(self, place: Place, name: str, listed: ListedFile, expected: _Expected) -> None:
        if place.path == self.manifest.path:
            self._lists_itself = True
            return
        if place.respelled:
            self._respelled.add(place.path)
        if place.prefix and not self.places.mixed:
            self._prefixes[place.prefix] = None
        self.folder = _folder_of_both(self.folder, place.path)
        elsewhere = name if place.prefix and self.places.mixed else ""
        promise = _Promise(self, listed.algorithm, listed.digest, elsewhere)
        expected.setdefault(place.path, []).append(promise)


def _folder_of_both(folder: str, path: RelativePath) -> str:
    """Return the deepest folder, ``folder`` or one above it, that ``path`` lies in as well."""
    while folder and not path.startswith(f"{folder}/"):
        folder = folder.rpartition("/")[0]
    return folder


class _Promise(NamedTuple):
    """What one manifest says of one file. A plain tuple, for there is one for each line of a manifest.

    ``elsewhere`` is the name as listed where others are found as they are, and it without its beginning only:
    where the file is listed under its own name too, it is not the one that is meant.
    """

    check: _Check
    algorithm: Algorithm
    digest: bytes
    elsewhere: str = ""


_Expected: TypeAlias = dict[RelativePath, list[_Promise]]


class _Examples:
    def __init__(self) -> None:
        self.count = 0
        self.first: list[str] = []

    def add(self, example: str) -> None:
        self.count += 1
        if len(self.first) < issues.NAMED:
            self.first.append(example)


def _by_folder(checks: Iterable[_Check]) -> dict[str, _Check]:
    """Return the manifests that list a folder, not one file only, by the folder of them and all they list."""
    by_folder: dict[str, _Check] = {}
    for check in checks:
        if check.lists_a_folder and check.places.of_one_file is None:
            by_folder.setdefault(check.folder, check)
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
    for check, listed in by_check.items():
        own = [promise for promise in listed if not promise.elsewhere] or listed
        for promise in listed:
            if promise.elsewhere and promise in own:
                check.stands_without_prefix(promise.elsewhere)
            elif promise.elsewhere:
                check.miss(check.places.expected_at(promise.elsewhere) or file.path)
        differing = [
            (promise.algorithm, HexDigest(promise.digest.hex()), file.digests[promise.algorithm])
            for promise in own
            if promise.digest.hex() != file.digests[promise.algorithm]
        ]
        if differing:
            check.differing += 1
            check.keep(issues.wrong_digest(check.manifest.path, file.path, differing))
        else:
            check.confirmed += 1
