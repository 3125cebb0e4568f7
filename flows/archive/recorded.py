"""Whether a bag in a folder is the version that catalogue and journal recorded."""

import io
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from flows.installation.wiring import Installation
from preservation.bagit.baginfo import MetadataElement, parse_bag_info
from preservation.bagit.tagtext import TagText, TagTextError
from preservation.bagit.validation import Validation
from preservation.fixity.digesting import digest_file
from preservation.model.identifiers import PackageId, VersionNumber, parse_object_id
from preservation.model.issues import Issue, IssueCode, Severity
from preservation.model.layout import COMMITS
from preservation.model.paths import BagPath, RelativePath
from storage.tag_digests import NOTHING_RECORDED, recorded_digests

NOT_AS_RECORDED = IssueCode("VER-004")
NOTHING_TO_COMPARE = IssueCode("VER-005")

_MOST_BYTES = 1 << 20
"""A bag-info.txt of ours is far smaller."""


def compared(verdict: Validation, bag: Path, installation: Installation) -> Validation:
    """Return the verdict on a bag with what comparing it with catalogue and journal showed.

    The bag says itself which version it is. It is valid only where its tag manifests are those that were
    recorded of that version. Raises ``StorageError`` where the database does not answer.
    """
    found = tuple(_issues(bag, installation))
    grave = any(issue.severity is Severity.ERROR for issue in found)
    return replace(verdict, valid=verdict.valid and not grave, issues=(*verdict.issues, *found))


def _issues(bag: Path, installation: Installation) -> Iterator[Issue]:
    package = _package_of(bag)
    if package is None:
        yield _unlike("Its bag-info.txt names no version of Muniment, or it is no folder.", None)
        return
    recorded = recorded_digests(installation.catalogue, installation.journal, package)
    for doubt in recorded.doubts:
        yield _unlike(f"{doubt}.", None)
    if not recorded.digests:
        message = f"Of {package} {NOTHING_RECORDED}."
        next_step = "Record them by muniment upgrade, then compare again."
        yield Issue(NOTHING_TO_COMPARE, Severity.WARNING, message, None, next_step)
        return
    expected = {one.path: one for one in recorded.digests}
    for path in COMMITS:
        found = bag / path
        if path not in expected and found.exists():
            yield _unlike(f"{path} was not kept with {package}.", path)
        elif path in expected:
            one = expected[path]
            try:
                same = digest_file(found, (one.algorithm,))[1] == one.digests
            except OSError:
                same = False
            if not same:
                yield _unlike(f"{path} is not the one that was kept with {package}.", path)


def _unlike(message: str, path: BagPath | None) -> Issue:
    return Issue(
        NOT_AS_RECORDED,
        Severity.ERROR,
        message,
        None if path is None else RelativePath(path),
        "Find out who altered it, and restore the version from another store.",
    )


def _package_of(bag: Path) -> PackageId | None:
    """Return the version that the bag says it is, or ``None`` where it does not say."""
    try:
        with (bag / "bag-info.txt").open("rb") as stream:
            text = io.BytesIO(stream.read(_MOST_BYTES))
        lines = list(parse_bag_info(TagText(text, "utf-8")))
        fields = {line.label: line.value for line in lines if isinstance(line, MetadataElement)}
        number = fields["Muniment-Object-Version"].removeprefix("v")
        return PackageId(parse_object_id(fields["External-Identifier"]), VersionNumber(int(number)))
    except (OSError, TagTextError, KeyError, ValueError):
        return None
