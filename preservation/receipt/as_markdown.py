"""The receipt in a few lines of markdown, for the run's page in the Prefect UI."""

import re
from collections.abc import Iterable, Iterator
from itertools import islice

from preservation.model.descriptions import title_of
from preservation.model.dossiers import Dossier
from preservation.model.issues import Issue
from preservation.model.paths import printable
from preservation.receipt.contents import Receipt
from preservation.receipt.headline import decided, gravest_first
from preservation.receipt.page import PageView, page_view
from preservation.receipt.placed_issues import settled
from preservation.receipt.summary import marked_files, summarise

_MOST_FILES = 20
_MOST_ISSUES = 20
_MOST_FORMATS = 10
_LONGEST_TITLE = 500
_MEANS_SOMETHING = re.compile(r"[\\`*_\[\]<>|~&]|^[-+#=]")


def receipt_markdown(receipt: Receipt) -> str:
    """Return the verdict, what to do next, where it is kept, and the files that need a look."""
    return "\n".join(_lines(settled(receipt))) + "\n"


def _lines(receipt: Receipt) -> Iterator[str]:
    summary = summarise(receipt.files)
    page = page_view(receipt, summary)
    collection = receipt.submission.object.collection
    yield f"# {_plain(page.headline)}"
    yield ""
    version = f", version {page.version}" if page.version else ""
    yield f"**{_plain(page.name)}** in {_plain(collection)}{version}. {_plain(page.sentence)}".rstrip()
    yield ""
    yield from _supplied(receipt, page)
    yield f"**What to do next.** {_plain(page.next_step)}"
    yield ""
    yield from _decided(receipt, page)
    if page.figures:
        yield _plain(" · ".join(f"{figure.value} {figure.label}" for figure in page.figures))
        yield ""
    yield from _compared(page)
    for issue in page.remarks[:_MOST_ISSUES]:
        yield f"- {_issue(issue)}"
    yield ""
    if page.replicas:
        yield from _table(("Store", "Site", "Where", "Verified"), page.replicas)
    if summary.marked:
        yield f"## {_plain(page.marked)}"
        yield ""
        for dossier in islice(marked_files(receipt.files, summary), _MOST_FILES):
            yield from _marked(dossier, page.asked)
        if summary.marked > _MOST_FILES:
            yield f"- … and {summary.marked - _MOST_FILES:,} more"
        yield ""
    if page.formats:
        yield from _table(("Format", "PRONOM", "Files", "Size"), page.formats[:_MOST_FORMATS])


def _compared(page: PageView) -> Iterator[str]:
    if not page.compared_with:
        return
    yield f"## Compared with version {page.compared_with}"
    yield ""
    for changes in page.changes:
        yield f"- **{_plain(changes.title)}**"
        yield from (f"    - {_plain(name)}" for name in changes.names[:_MOST_FILES])
        if changes.more or len(changes.names) > _MOST_FILES:
            yield "    - … and more"
    yield ""


def _decided(receipt: Receipt, page: PageView) -> Iterator[str]:
    """Yield what is asked or to be mended, who decided, and how an archivist answers."""
    if page.steps:
        yield from (f"1. {_issue(step)}" for step in page.steps)
        if page.more_steps:
            yield f"\nAnd {page.more_steps} more."
        yield ""
    if receipt.decision is not None:
        yield f"**{_plain(decided(receipt.decision))}**"
        yield ""
    if receipt.how_to_answer:
        yield "An archivist answers with one of these:"
        yield ""
        yield from (f"    {line}" for line in receipt.how_to_answer)
        yield ""


def _marked(dossier: Dossier, asked: frozenset[Issue]) -> Iterator[str]:
    issues = () if dossier.screened is None else dossier.screened.issues
    yield f"- **{_plain(printable(dossier.path))}**"
    for issue in gravest_first(issues):
        if issue not in asked:
            yield f"    - {_issue(issue)}"


def _issue(issue: Issue) -> str:
    parts = (issue.message, issue.because, issue.next_step)
    return _plain(f"{issue.code}: {' '.join(filter(None, parts))}")


def _supplied(receipt: Receipt, page: PageView) -> Iterator[str]:
    """Return what came with the drop: its title, how its checksums compare, the titles of its files."""
    for words in filter(None, (page.title and f"Title: {page.title}", page.compared and f"{page.compared}.")):
        yield _plain(words)
        yield ""
    if titles := list(islice(_titles(receipt), _MOST_FILES)):
        yield from _table(("File", "Title"), titles)


def _titles(receipt: Receipt) -> Iterator[tuple[str, str]]:
    for dossier in receipt.files:
        title = "" if dossier.described is None else title_of(dossier.described.statements)
        if title:
            yield printable(dossier.path), printable(title[:_LONGEST_TITLE])


def _table(heads: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> Iterator[str]:
    yield f"| {' | '.join(heads)} |"
    yield f"|{' --- |' * len(heads)}"
    for row in rows:
        yield f"| {' | '.join(map(_plain, row))} |"
    yield ""


def _plain(text: str) -> str:
    """Return ``text`` so that nothing in it means anything to markdown or HTML."""
    return _MEANS_SOMETHING.sub(r"\\\g<0>", " ".join(text.split()))
