"""The receipt as a page, as JSON for machines and as a table of what to mend; each whole or not there."""

import hashlib
from base64 import b64encode
from collections.abc import Iterable, Iterator
from functools import cache
from importlib.resources import files
from itertools import islice
from pathlib import Path
from typing import Final

from jinja2 import Environment, StrictUndefined, Template

from preservation.files.durable import written_whole
from preservation.files.spreadsheet import Spreadsheet
from preservation.model.dossiers import Dossier
from preservation.model.verdicts import Verdict
from preservation.receipt.as_json import json_chunks
from preservation.receipt.contents import Receipt
from preservation.receipt.groups import MOST_FILES_SHOWN, fault_groups
from preservation.receipt.page import page_view
from preservation.receipt.placed_issues import settled
from preservation.receipt.reject_list import HEADINGS, reject_rows
from preservation.receipt.summary import Summary, summarise, unmarked_files
from preservation.receipt.views import FileView, Thumbnails, file_view

_THUMBNAILS_ON_A_PAGE: Final = 8 << 20


def render(receipt: Receipt, target: Path) -> Path:
    """Write the receipt to ``<target>.html`` and ``<target>.json``; return the page's path.

    The page stands for itself: no script, nothing fetched, nothing beside it. Of a drop that is sent back
    ``<target>.csv`` is the reject list. Each file appears whole, in place of an older one. Raises ``OSError``
    where it cannot be written.
    """
    receipt = settled(receipt)
    page_path = target.with_name(f"{target.name}.html")
    json_path = target.with_name(f"{target.name}.json")
    target.parent.mkdir(parents=True, exist_ok=True)
    summary = summarise(receipt.files)
    with written_whole(json_path) as sink:
        sink.writelines(json_chunks(receipt, summary))
    if receipt.verdict is Verdict.REJECTED:
        with written_whole(target.with_name(f"{target.name}.csv")) as sink:
            table = Spreadsheet(sink.write)
            table.add(HEADINGS)
            for row in reject_rows(receipt):
                table.add(row)
    _write_page(receipt, summary, page_path)
    return page_path


def render_page(receipt: Receipt, path: Path) -> None:
    """Write the receipt as a page to ``path``, and nothing beside it. Raises ``OSError``."""
    receipt = settled(receipt)
    path.parent.mkdir(parents=True, exist_ok=True)
    _write_page(receipt, summarise(receipt.files), path)


def _write_page(receipt: Receipt, summary: Summary, path: Path) -> None:
    with written_whole(path) as sink:
        sink.writelines(chunk.encode() for chunk in _page_chunks(receipt, summary))


def notice_page(name: str, collection: str, sentence: str) -> bytes:
    """Return the page about an entry of an inbox that is not taken because of its name.

    All three are printable; ``sentence`` says why, without a full stop.
    """
    page = _template("notice.html.j2").render(name=name, collection=collection, sentence=sentence, **_style())
    return page.encode()


def _style() -> dict[str, str]:
    style = _resource("receipt.css")
    digest = b64encode(hashlib.sha256(style.encode()).digest()).decode()
    return {"style": style, "style_digest": f"sha256-{digest}"}


def _page_chunks(receipt: Receipt, summary: Summary) -> Iterator[str]:
    thumbnails = Thumbnails(receipt.workspace, _THUMBNAILS_ON_A_PAGE)
    page = page_view(receipt, summary)
    stream = _template("receipt.html.j2").stream(
        receipt=receipt,
        page=page,
        **_style(),
        groups=fault_groups(receipt, summary, thumbnails, page.asked),
        other_files=_views(receipt, unmarked_files(receipt.files), thumbnails),
    )
    stream.enable_buffering(64)
    yield from stream


def _views(receipt: Receipt, chosen: Iterable[Dossier], thumbnails: Thumbnails) -> Iterator[FileView]:
    for dossier in islice(chosen, MOST_FILES_SHOWN):
        yield file_view(dossier, thumbnails, stored=receipt.is_kept, refused=receipt.is_refused)


@cache
def _template(name: str) -> Template:
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, auto_reload=False
    )
    return environment.from_string(_resource(name))


def _resource(name: str) -> str:
    return (files("preservation.receipt") / name).read_text(encoding="utf-8")
