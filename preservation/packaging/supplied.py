"""What was supplied about the payload: copies of it, beside what is written about the payload."""

from __future__ import annotations

from collections.abc import Iterator

from preservation.model import layout
from preservation.model.packages import BagEntry
from preservation.model.paths import LocalPath
from preservation.packaging.contents import PackageContents
from preservation.packaging.description import Statements, describes_objects, supplied_statements
from preservation.packaging.not_kept import NotKept, not_kept
from preservation.packaging.submitted_tags import submitted_tags
from preservation.policy.selection import is_descriptive


class Supplied:
    """One pass over what came with the drop; ``statements`` about the object are found on the way."""

    def __init__(self, contents: PackageContents) -> None:
        self._contents = contents
        self.statements: Statements = {}

    def entries(self) -> Iterator[BagEntry | NotKept]:
        """List copies of descriptive files and manifests, submitted tag files, and what is not kept."""
        contents = self._contents
        root = contents.received.payload_root
        manifests = {manifest.path for manifest in contents.supplied}
        for dossier in contents.files:
            file = dossier.kept
            if file is None:
                yield not_kept(dossier)
                continue
            if is_descriptive(contents.policy, file.path):
                source = root / file.path
                if not self.statements and describes_objects(file.path):
                    self.statements = supplied_statements(source, contents.package.object.name)
                yield BagEntry(
                    layout.supplied_description(file.path), LocalPath(f"{source}"), file.size, file.digests
                )
            if file.path in manifests:
                source = root / file.path
                yield BagEntry(
                    layout.supplied_manifest(file.path), LocalPath(f"{source}"), file.size, file.digests
                )
        if contents.received.bag_root is not None:
            yield from submitted_tags(contents.received.bag_root, contents.algorithms)
