"""What tests of the survey share."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from preservation.model.digests import Algorithm
from preservation.model.files import IrregularEntry, SurveyedFile
from preservation.model.formats import Identification, MimeType
from preservation.model.submissions import DropKind, Received
from preservation.model.supplied import SuppliedManifest
from preservation.survey.finding import algorithms_needed, find_supplied
from preservation.survey.reading import ReadFile
from preservation.survey.supplied import check_supplied
from preservation.survey.survey import survey

UNIDENTIFIED = Identification((), None, MimeType("application/octet-stream"))


class Incurious:
    """An identifier that looks at nothing."""

    def identify(self, root: Path, batches: Iterable[Sequence[ReadFile]]) -> Iterator[list[Identification]]:
        del root
        for batch in batches:
            yield [UNIDENTIFIED for _ in batch]


def drop(root: Path, contents: Mapping[str, bytes]) -> Path:
    """Write files, and the folders they need, below ``root``."""
    root.mkdir(parents=True, exist_ok=True)
    for name, content in contents.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return root


def surveyed(
    root: Path, algorithms: Collection[Algorithm] = (Algorithm.SHA256,), threads: int = 2
) -> Iterator[SurveyedFile | IrregularEntry]:
    """Survey the folder ``root`` without identifying anything."""
    received = Received(DropKind.FOLDER, root)
    return survey(received, algorithms=algorithms, identifier=Incurious(), threads=threads)


def compared(root: Path) -> tuple[SuppliedManifest, ...]:
    """Find the manifests in ``root``, survey it as they need, and compare."""
    manifests = find_supplied(root)
    algorithms = algorithms_needed(manifests) or {Algorithm.SHA256}
    return tuple(check_supplied(manifests, root, surveyed(root, algorithms)))


def md5(content: bytes) -> str:
    return hashlib.md5(content, usedforsecurity=False).hexdigest()


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
