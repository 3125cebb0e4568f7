"""The tag files of a package: what is written about the payload, and copies of what was supplied about it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from preservation.bagit.baginfo import format_bag_info
from preservation.bagit.declaration import Declaration, declaration_text
from preservation.model import layout
from preservation.model.packages import BagEntry
from preservation.model.paths import BagPath
from preservation.packaging.contents import PackageContents
from preservation.packaging.description import statements_about
from preservation.packaging.payload import PayloadTally, packaging_event
from preservation.packaging.readme import readme
from preservation.packaging.supplied import NotKept, NotKeptTable, Supplied
from preservation.packaging.tag_files import TagFile, write_tag_file
from preservation.premis.contents import PremisContents
from preservation.premis.dublin_core import dublin_core
from preservation.premis.writing import write_premis


def tag_files(contents: PackageContents, root: Path, tally: PayloadTally) -> Iterator[BagEntry]:
    """List every tag file but the manifests; those that are ours are written below ``root`` on the way."""
    wanted = contents.algorithms

    def written(path: BagPath, content: bytes) -> BagEntry:
        return write_tag_file(root, path, wanted, content)

    yield written(BagPath("bagit.txt"), declaration_text(Declaration()).encode())
    yield written(BagPath("bag-info.txt"), format_bag_info(bag_info_fields(contents, tally)).encode())
    yield written(layout.README, readme(contents, tally))
    yield written(layout.POLICY, contents.policy.source)
    with TagFile(root, layout.PREMIS, wanted) as sink:
        write_premis(_premis_contents(contents, tally), sink)
    yield sink.entry

    supplied = Supplied(contents)
    with TagFile(root, layout.NOT_KEPT, wanted) as sink:
        table = NotKeptTable(sink)
        for found in supplied.entries():
            if isinstance(found, NotKept):
                table.add(found)
            else:
                yield found
    if table.rows:
        yield sink.entry
    else:
        sink.entry.source.unlink()
    statements = statements_about(contents.package.object, tally, supplied.statements)
    yield written(layout.DUBLIN_CORE, dublin_core(statements))


def _premis_contents(contents: PackageContents, tally: PayloadTally) -> PremisContents:
    return PremisContents(
        package=contents.package,
        submission=contents.submission,
        policy=contents.policy.reference,
        files=contents.files,
        events=(*contents.events, packaging_event(contents, tally)),
        engines=contents.engines,
        software=contents.software,
        created_at=contents.created_at,
    )


def bag_info_fields(contents: PackageContents, tally: PayloadTally) -> Iterator[tuple[str, str]]:
    """Return the fields of ``bag-info.txt``: the policy's own first, then what was counted and is known."""
    yield from contents.policy.terms.packaging.bag_info.items()
    yield "External-Identifier", str(contents.package.object)
    yield "Internal-Sender-Identifier", contents.submission.identifier
    yield "Bagging-Date", contents.created_at.date().isoformat()
    yield "Bag-Software-Agent", f"{contents.software.name} {contents.software.version}"
    yield "Payload-Oxum", f"{tally.bytes}.{tally.files}"
    yield "Muniment-Object-Version", f"v{contents.package.version}"
    yield "Muniment-Policy", str(contents.policy.reference)
    if tally.fetched:
        yield "Muniment-Files-In-Earlier-Versions", tally.kept_earlier
