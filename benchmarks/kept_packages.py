"""Packages that lie in one store as if they had been preserved: a bag, and what the records state of it.

Nothing is identified and nothing runs, so a million files are kept in a minute or two.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from uuid import uuid4

from flows.installation.settings_file import load_settings
from flows.installation.wiring import SOFTWARE, Installation, open_installation
from preservation.bagit.manifests import manifest_line
from preservation.fixity.digesting import digest_file
from preservation.ingest_events import IngestEvents
from preservation.model.decisions import PolicyReference
from preservation.model.digests import Algorithm
from preservation.model.identifiers import PackageId, StoreName, SubmissionId, VersionNumber, object_id_named
from preservation.model.layout import ORIGINALS, commit
from preservation.model.locators import Locator
from preservation.model.packages import Replica
from preservation.model.paths import BagPath, path_order
from preservation.model.submissions import Submission
from preservation.model.tag_digests import TagDigest
from storage.ports.catalogue import Registration
from storage.ports.stores import Deposit

_SHA256 = Algorithm.SHA256
_MANIFEST, _COMMIT = BagPath("manifest-sha256.txt"), commit(_SHA256)
_TAGS = {
    BagPath("bagit.txt"): b"BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n",
    BagPath("bag-info.txt"): b"Source-Organization: benchmarks\n",
}


@dataclass(slots=True)
class _Bag:
    """What goes into the store: each file by its path, where its bytes are; and what is counted of them."""

    package: PackageId
    work: Path
    files: int = 0
    bytes: int = 0

    def deposits(self, places: Sequence[tuple[BagPath, Path]], manifest: BagPath) -> Iterator[Deposit]:
        """Yield a deposit for each file, and write what the manifest has of it on the way."""
        with (self.work / manifest).open("ab") as listing:
            for path, source in places:
                size, digests = digest_file(source, (_SHA256,))
                listing.write(manifest_line(digests[_SHA256], path))
                self.files += 1
                self.bytes += size
                yield Deposit(Locator(self.package, path).key, source, size)


def keep(directory: Path, payloads: Sequence[Path], store: StoreName) -> list[PackageId]:
    """Keep each payload, a folder, as the only version of a new object of ``files``, in one store alone."""
    with open_installation(load_settings(directory)) as installation:
        return [_keep(installation, payload, store) for payload in payloads]


def _keep(installation: Installation, payload: Path, name: StoreName) -> PackageId:
    [store] = (one for one in installation.stores if one.name == name)
    submission = SubmissionId(uuid4().hex)
    package = PackageId(object_id_named(f"files/{payload.name[:40]}-{submission}"), VersionNumber(1))
    at = datetime.now(UTC)
    with TemporaryDirectory() as folder:
        bag = _Bag(package, Path(folder))
        for path, content in _TAGS.items():
            (bag.work / path).write_bytes(content)
        store.create(bag.deposits(_places(payload), _MANIFEST))
        tags = [(path, bag.work / path) for path in sorted([*_TAGS, _MANIFEST])]
        store.create(bag.deposits(tags, _COMMIT))
        size, digests = digest_file(bag.work / _COMMIT, (_SHA256,))
        store.create([Deposit(Locator(package, _COMMIT).key, bag.work / _COMMIT, size)])
    tag_digests = (TagDigest(_COMMIT, _SHA256, digests[_SHA256]),)
    replica = Replica(name, store.location(package.prefix), at, bag.files + 1, bag.bytes + size)
    policy = PolicyReference("as-the-peers", 1, digests[_SHA256])
    registration = Registration(
        package, submission, digests[_SHA256], policy, at, bag.files, bag.bytes, (replica,), tag_digests
    )
    events = IngestEvents(
        Submission(submission, package.object, payload, at), SOFTWARE, lambda: datetime.now(UTC)
    )
    installation.catalogue.register(registration, (), [events.registered(str(package), tag_digests)])
    return package


def _places(payload: Path) -> list[tuple[BagPath, Path]]:
    """Return the files below the folder in the order of their paths in the bag."""
    found = [
        (BagPath(f"{ORIGINALS}{os.path.relpath(top, payload)}/{name}".replace("/./", "/")), Path(top, name))
        for top, _, names in os.walk(payload)
        for name in names
    ]
    return sorted(found, key=lambda one: path_order(one[0]))
