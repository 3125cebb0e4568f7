"""From contents to a planned bag: the payload as it lies, the tag files as they are written."""

from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from itertools import chain
from pathlib import Path

from preservation.bagit.baginfo import format_bag_info
from preservation.bagit.declaration import Declaration, declaration_text
from preservation.bagit.fetch import FETCH_TXT, fetch_line
from preservation.files.tree import remove_tree
from preservation.model import layout
from preservation.model.digests import Algorithm
from preservation.model.packages import BagEntry
from preservation.model.paths import BagPath
from preservation.packaging import planned
from preservation.packaging.contents import PackageContents
from preservation.packaging.description import statements_about
from preservation.packaging.payload import PayloadTally, packaging_event, payload
from preservation.packaging.readme import readme
from preservation.packaging.supplied import NotKept, NotKeptTable, Supplied
from preservation.packaging.tag_files import ManifestsOf, TagFile, write_tag_file
from preservation.premis.contents import PremisContents
from preservation.premis.dublin_core import dublin_core
from preservation.premis.writing import write_premis


def plan_package(contents: PackageContents, workspace: Path) -> planned.PlannedBag:
    """Plan the bag of ``contents``; write its tag files below ``workspace/bag``.

    What lies in earlier versions is named in ``fetch.txt`` (RFC 8493 section 2.2.3) and in the
    manifests, and is not to be written. The payload is not read: its digests are handed on. Planning
    the same contents again, after a crash or not, makes the same bag byte for byte. Raises
    ``IntegrityError`` where the records do not fit together.
    """
    planned.forget_plan(workspace)
    root = workspace / planned.BAG
    if root.exists():
        remove_tree(root)
    tally = PayloadTally()
    entries = _Counting(_entries(contents, workspace, root, tally))
    planned.planned_entries(workspace).write(entries)
    return planned.finish_plan(
        workspace,
        planned.PlanSummary(
            package=contents.package,
            algorithm=contents.algorithm,
            files=entries.files,
            bytes=entries.bytes,
            payload_files=tally.files,
            payload_bytes=tally.bytes,
            event=packaging_event(contents, tally),
            fetched_files=tally.fetched.total(),
            fetched_bytes=tally.fetched_bytes,
            hard_names=tally.hard_names,
            named=tuple(tally.hard_named),
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
    fetch = _FetchList(contents, root, tally)
    yield from fetch.new_among(manifests.over(payload(contents, workspace, tally)))
    ours = tag_files(contents, root, tally)
    yield from tag_manifests.over(chain(ours, fetch.written(), manifests.written()))
    yield from tag_manifests.written()


class _FetchList:
    """The file ``fetch.txt``, written below ``root`` while the payload goes by; none if it names nothing."""

    def __init__(self, contents: PackageContents, root: Path, tally: PayloadTally) -> None:
        self._contents = contents
        self._root = root
        self._tally = tally
        self._entry: BagEntry | None = None

    def new_among(self, payload: Iterable[BagEntry]) -> Iterator[BagEntry]:
        """Pass on what no earlier version holds, counting and listing the rest."""
        with ExitStack() as open_file:
            sink: TagFile | None = None
            for entry in payload:
                locator = self._contents.earlier.get(entry.digests[Algorithm.SHA256])
                if locator is None:
                    yield entry
                    continue
                if sink is None:
                    algorithms = self._contents.algorithms
                    sink = open_file.enter_context(TagFile(self._root, BagPath(FETCH_TXT), algorithms))
                sink.write(fetch_line(locator.url, entry.size, entry.path))
                self._tally.fetched[locator.package.version] += 1
                self._tally.fetched_bytes += entry.size
        self._entry = None if sink is None else sink.entry

    def written(self) -> Iterator[BagEntry]:
        """Return the file itself, if there is one, once ``new_among`` has ended."""
        if self._entry is not None:
            yield self._entry


class _Counting:
    def __init__(self, entries: Iterator[BagEntry]) -> None:
        self._entries = entries
        self.files = 0
        self.bytes = 0

    def __iter__(self) -> Iterator[BagEntry]:
        for entry in self._entries:
            self.files += 1
            self.bytes += entry.size
            yield entry


def tag_files(contents: PackageContents, root: Path, tally: PayloadTally) -> Iterator[BagEntry]:
    """List every tag file but the manifests; those that are ours are written below ``root`` on the way."""
    wanted = contents.algorithms

    def written(path: BagPath, content: bytes) -> BagEntry:
        return write_tag_file(root, path, wanted, content)

    yield written(BagPath("bagit.txt"), declaration_text(Declaration()).encode())
    yield written(BagPath("bag-info.txt"), format_bag_info(bag_info_fields(contents, tally)).encode())
    yield written(layout.README, readme(contents, tally))
    yield written(layout.POLICY, contents.policy.source)
    for schema in contents.policy.schemas:
        yield written(layout.policy_schema(schema.path), schema.content)
    with TagFile(root, layout.PREMIS, wanted) as sink:
        write_premis(_premis_contents(contents, tally), sink, root)
    yield sink.entry

    with TagFile(root, layout.NOT_KEPT, wanted) as sink:
        table = NotKeptTable(sink)
        for found in Supplied(contents).entries():
            if isinstance(found, NotKept):
                table.add(found)
            else:
                yield found
    if table.rows:
        yield sink.entry
    else:
        sink.entry.source.unlink()
    statements = statements_about(contents.package.object, tally, contents.description)
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
        before=contents.before,
        earlier=contents.earlier,
        rights=tuple(contents.description.get("rights", ())),
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
