"""One screening, in a process of its own: ``python one_screening.py FOLDER POLICY``.

The files of the folder are taken for TIFFs or JPEGs by their extensions: what is measured is decoding and
judging, not identification. Prints how many files were screened, and how many findings there are.
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from preservation.model.digests import Algorithm, HexDigest
from preservation.model.files import SurveyedFile
from preservation.model.formats import EngineName, FormatMatch, Identification, MimeType, Puid
from preservation.model.paths import RelativePath
from preservation.policy.load import load
from preservation.screening.examiners import JOB_MODULES
from preservation.screening.screen import screen
from preservation.tools.limits import Limits
from preservation.tools.workers import CagedWorkers

_PUIDS = {".tif": Puid("fmt/353"), ".jpg": Puid("fmt/43")}


def main() -> None:
    """Screen, and say what was found. Exits where a file was not decoded."""
    folder, policy = Path(sys.argv[1]).resolve(), load(Path(sys.argv[2]))
    files = findings = 0
    with (
        CagedWorkers(Limits(), len(os.sched_getaffinity(0)), JOB_MODULES) as workers,
        tempfile.TemporaryDirectory() as scratch,
    ):
        results = screen(
            _surveyed(folder),
            root=folder,
            policy=policy,
            name_rules=(),
            workers=workers,
            thumbnails=Path(scratch) / "thumbnails",
        )
        for result in results:
            files += 1
            findings += len(result.issues)
            if result.image is None:
                sys.exit(f"not decoded: {result}")
    sys.stdout.write(f"{files} files, {findings} findings\n")


def _surveyed(folder: Path) -> Iterator[SurveyedFile]:
    for number, path in enumerate(sorted(folder.iterdir())):
        puid = _PUIDS[path.suffix]
        match = FormatMatch(puid, "", "", "", EngineName("benchmark"))
        digests = {Algorithm.SHA256: HexDigest(f"{number:064x}")}
        identification = Identification((match,), puid, MimeType("image/tiff"))
        yield SurveyedFile(RelativePath(path.name), path.stat().st_size, 0, digests, identification)


if __name__ == "__main__":
    main()
