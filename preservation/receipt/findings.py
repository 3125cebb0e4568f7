"""Every issue to the file that it is about, whoever found it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from preservation.model.dossiers import Dossier
from preservation.model.issues import Issue
from preservation.model.paths import RelativePath
from preservation.model.screening import ScreenedFile
from preservation.receipt.contents import Receipt


def with_issues_at_files(receipt: Receipt) -> Receipt:
    """Return the receipt with its issues moved to the files that they name.

    Issues of the whole, and about files that are not there, stay where they are.
    """
    by_path: dict[RelativePath, tuple[Issue, ...]] = {}
    for issue in receipt.issues:
        if issue.path is not None:
            by_path[issue.path] = (*by_path.get(issue.path, ()), issue)
    if not by_path:
        return receipt
    absent = by_path.keys() - {dossier.path for dossier in receipt.files if dossier.path in by_path}
    return replace(
        receipt,
        files=_FilesWithIssues(receipt.files, by_path),
        issues=tuple(issue for issue in receipt.issues if issue.path is None or issue.path in absent),
    )


@dataclass(frozen=True, slots=True)
class _FilesWithIssues:
    files: Iterable[Dossier]
    by_path: Mapping[RelativePath, tuple[Issue, ...]]

    def __iter__(self) -> Iterator[Dossier]:
        for dossier in self.files:
            more = self.by_path.get(dossier.path)
            yield dossier if more is None else _with(dossier, more)


def _with(dossier: Dossier, more: tuple[Issue, ...]) -> Dossier:
    screened = dossier.screened or ScreenedFile(dossier.path)
    return replace(dossier, screened=replace(screened, issues=(*screened.issues, *more)))
