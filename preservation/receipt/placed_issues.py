"""Every issue where it belongs: at the file that it is about, and without a question that is answered."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace

from preservation.model.dossiers import Dossier
from preservation.model.issues import Issue, Severity
from preservation.model.paths import RelativePath
from preservation.model.screening import ScreenedFile
from preservation.receipt.contents import Receipt
from preservation.receipt.headline import decided_by


def settled(receipt: Receipt) -> Receipt:
    """Return the receipt with each issue at the file that it names, and nothing asked that is answered.

    What is kept was approved, if anything was asked, and what a person decided was asked, however it ended
    then: the questions stay as remarks, with the decision in place of the next step.
    """
    receipt = _with_issues_at_files(receipt)
    if not _is_answered(receipt):
        return receipt

    def answered(issues: tuple[Issue, ...]) -> tuple[Issue, ...]:
        return answered_issues(issues, receipt)

    def file_answered(dossier: Dossier) -> Dossier:
        screened = dossier.screened
        if screened is None or not screened.issues:
            return dossier
        return replace(dossier, screened=replace(screened, issues=answered(screened.issues)))

    return replace(receipt, files=_EachFile(receipt.files, file_answered), issues=answered(receipt.issues))


def answered_issues(issues: tuple[Issue, ...], receipt: Receipt) -> tuple[Issue, ...]:
    """Return the issues of a drop about which a person has decided, or was not asked."""
    if not _is_answered(receipt):
        return issues
    # What was kept already was approved at another time, or asked nothing then: the receipt leaves it out.
    answer = decided_by(receipt.decision) if receipt.decision is not None else ""
    return tuple(
        replace(issue, next_step=answer, for_operators="") if issue.severity is Severity.QUESTION else issue
        for issue in issues
    )


def _is_answered(receipt: Receipt) -> bool:
    return receipt.is_kept or receipt.decision is not None


def _with_issues_at_files(receipt: Receipt) -> Receipt:
    """Move issues to the files that they name; those of the whole, or about no file there is, stay."""
    by_path: dict[RelativePath, tuple[Issue, ...]] = {}
    for issue in receipt.issues:
        if issue.path is not None:
            by_path[issue.path] = (*by_path.get(issue.path, ()), issue)
    if not by_path:
        return receipt

    def with_more(dossier: Dossier) -> Dossier:
        more = by_path.get(dossier.path)
        if more is None:
            return dossier
        screened = dossier.screened or ScreenedFile(dossier.path)
        return replace(dossier, screened=replace(screened, issues=(*screened.issues, *more)))

    absent = by_path.keys() - {dossier.path for dossier in receipt.files if dossier.path in by_path}
    return replace(
        receipt,
        files=_EachFile(receipt.files, with_more),
        issues=tuple(issue for issue in receipt.issues if issue.path is None or issue.path in absent),
    )


@dataclass(frozen=True, slots=True)
class _EachFile:
    """Files that are changed as they go by, each time they are asked for; none is held."""

    files: Iterable[Dossier]
    change: Callable[[Dossier], Dossier]

    def __iter__(self) -> Iterator[Dossier]:
        return map(self.change, self.files)
