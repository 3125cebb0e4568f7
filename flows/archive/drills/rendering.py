"""Whether restored files open: images to the last pixel, PDFs to the last page, in caged processes."""

import time
from collections import Counter
from collections.abc import Iterable
from itertools import islice
from pathlib import Path
from typing import Final

from flows.archive.drills.record import RenderedFiles
from preservation.model.amounts import OnProgress
from preservation.model.formats import EngineName, FormatMatch, Identification, MimeType
from preservation.model.paths import RelativePath, printable
from preservation.model.screening import ScreenedFile
from preservation.policy.screen_tables import ScreenOutcome
from preservation.policy.screens import DecodableImages, SoundDocuments
from preservation.rasters.families import Family, family_of
from preservation.screening.examiners import DocumentExaminer, ImageExaminer
from preservation.tools.workers import CagedWorkers
from storage.ports.catalogue import CatalogueFile

_AT_ONCE: Final = 500
_NAMED: Final = 20
_BECAUSE: Final = "a drill shows whether what is kept can still be opened"
_NOTHING_KNOWN: Final = MimeType("application/octet-stream")


def render_files(
    files: Iterable[CatalogueFile], root: Path, workers: CagedWorkers, scratch: Path, progress: OnProgress
) -> RenderedFiles:
    """Open the images and PDFs among ``files``, which lie below ``root`` by their paths in the bag.

    ``workers`` have preloaded ``screening.examiners.JOB_MODULES``; pictures for people go to ``scratch``, and
    are not looked at. Raises what ``CagedWorkers.map`` raises.
    """
    began = time.monotonic()
    counted: Counter[str] = Counter()
    unseen: Counter[str] = Counter()
    failed: list[str] = []
    examiners = _examiners(workers, scratch)
    remaining = iter(files)
    while batch := list(islice(remaining, _AT_ONCE)):
        looks = []
        for file in batch:
            family = _family(file)
            examiner = examiners.get(family) if family is not None and file.size else None
            if family is None or examiner is None:
                unseen[_reason(file)] += 1
                continue
            request = examiner.request(root / file.path, family, size=file.size, needs_a_look=False)
            looks.append((file, examiner, request))
        outcomes = workers.map(request for _, _, request in looks)
        for (file, examiner, request), outcome in zip(looks, outcomes, strict=True):
            seen = examiner.finish(ScreenedFile(RelativePath(file.path)), request, outcome)
            _count(seen, counted, unseen, failed)
            progress(1, file.size)
    return RenderedFiles(
        counted["images"],
        counted["documents"],
        counted["pages"],
        round(time.monotonic() - began, 3),
        counted["failures"],
        tuple(failed),
        dict(unseen.most_common(_NAMED)),
    )


def _examiners(workers: CagedWorkers, scratch: Path) -> dict[Family, ImageExaminer | DocumentExaminer]:
    scratch.mkdir()
    images = DecodableImages(check="decodable-images", outcome=ScreenOutcome.WARN, because=_BECAUSE)
    documents = SoundDocuments(check="sound-documents", outcome=ScreenOutcome.WARN, because=_BECAUSE)
    by_image = ImageExaminer(images, workers.limits, scratch)
    return {
        **dict.fromkeys(by_image.families, by_image),
        Family.PDF: DocumentExaminer(documents, workers.limits),
    }


def _family(file: CatalogueFile) -> Family | None:
    """Return what the file is opened as, as a screen does: by its recorded format, or else by its name."""
    matches = () if file.puid is None else (FormatMatch(file.puid, "", "", "", EngineName("catalogue")),)
    return family_of(RelativePath(file.path), Identification(matches, file.puid, _NOTHING_KNOWN))


def _reason(file: CatalogueFile) -> str:
    if not file.size:
        return "it is empty"
    return "its format is not decided" if file.puid is None else f"nothing here opens {file.puid}"


def _count(seen: ScreenedFile, counted: Counter[str], unseen: Counter[str], failed: list[str]) -> None:
    if seen.is_damaged:
        counted["failures"] += 1
        if len(failed) < _NAMED:
            failed.append(
                next((one.message for one in seen.issues), f"{printable(seen.path)} does not open.")
            )
    elif seen.image is not None and seen.examiner is not None:
        counted["images"] += 1
        counted["pages"] += seen.image.frames
    elif seen.document is not None:
        counted["documents"] += 1
        counted["pages"] += seen.document.pages
    else:
        unseen["it could not be opened here, which says nothing against it"] += 1
