"""The files without a finding, in a line each for what was looked at: never more than was seen."""

from collections.abc import Iterator
from typing import Final

from preservation.model.amounts import count
from preservation.model.issues import Severity
from preservation.model.paths import printable
from preservation.receipt.summary import Summary
from preservation.receipt.titles import title_of

_REASONS_NAMED: Final = 5


def passed_in_words(summary: Summary) -> Iterator[str]:
    """Yield how many files have no finding, by what was looked at; then how many have a remark alone."""
    passed = summary.passed
    if passed.images:
        yield f"{count(passed.images, 'image')}: decoded to the end, no finding"
    if passed.documents:
        yield f"{count(passed.documents, 'document')}: looked into, no finding"
    if passed.others:
        yield f"{count(passed.others, 'other file')}: looked into, no finding"
    for schema, files in passed.valid:
        yield f"{count(files, 'file')}: valid by {printable(schema)}, no finding"
    for reason, files in passed.unexamined[:_REASONS_NAMED]:
        yield f"{count(files, 'file')}: not looked into ({printable(reason)})"
    if more := sum(files for _, files in passed.unexamined[_REASONS_NAMED:]):
        yield f"{count(more, 'file')}: not looked into, for other reasons"
    if passed.unscreened:
        yield f"{count(passed.unscreened, 'file')}: not screened"
    for fault in summary.faults:
        if fault.severity is Severity.INFO:
            yield f"{count(fault.files, 'file')}: {title_of(fault.code)} ({fault.code})"
