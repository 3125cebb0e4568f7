"""The reject list: what is to be scanned again or mended, as rows of a table that people open."""

from collections.abc import Iterator
from typing import Final

from preservation.model.issues import Issue, Severity
from preservation.model.paths import printable
from preservation.model.verdicts import Verdict
from preservation.receipt.contents import Receipt

HEADINGS: Final = ("object", "file", "code", "finding", "next step")
"""What each cell of a row is."""

_REASONS: Final = {Verdict.REJECTED: Severity.ERROR, Verdict.WAITING: Severity.QUESTION}


def reject_rows(receipt: Receipt) -> Iterator[tuple[str, ...]]:
    """Yield a row for each finding because of which a drop is sent back or waits; none for any other drop.

    ``receipt`` is settled: each issue stands at the file that it names. Findings about the whole come first,
    then the files in their order. Of a drop that a person refused, the rows are what was asked, with the
    decision as the next step. Where no finding is the reason, the one row has the verdict's sentence.
    """
    severity = Severity.QUESTION if receipt.is_refused else _REASONS.get(receipt.verdict)
    if severity is None:
        return
    name = printable(str(receipt.submission.object))
    is_explained = False
    for path, issue in _findings(receipt):
        if issue.severity is severity:
            is_explained = True
            yield name, printable(path), issue.code, issue.message, issue.next_step
    if not is_explained:
        yield name, "", "", receipt.sentence, ""


def _findings(receipt: Receipt) -> Iterator[tuple[str, Issue]]:
    for issue in receipt.issues:
        yield issue.path or "", issue
    for dossier in receipt.files:
        if dossier.screened is not None:
            for issue in dossier.screened.issues:
                yield dossier.path, issue
