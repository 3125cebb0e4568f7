"""What an old holding was held against: the manifests of its bag, supplied manifests, or nothing."""

from collections.abc import Iterable
from io import BytesIO
from pathlib import Path
from typing import Final

from preservation.bagit.algorithms import hex_length, payload_algorithms
from preservation.bagit.baginfo import MetadataElement, parse_bag_info
from preservation.bagit.declaration import BAGIT_TXT, parse_declaration
from preservation.bagit.folder_source import FolderSource
from preservation.bagit.source import PAYLOAD
from preservation.bagit.tagtext import TagText, TagTextError
from preservation.intake import codes
from preservation.model.adoption import FormerFixity
from preservation.model.events import EventOutcome
from preservation.model.issues import Issue, Severity
from preservation.model.paths import printable
from preservation.model.supplied import ManifestTally

_DATE: Final = "bagging-date"
_LONGEST_DATE: Final = 40
_LARGEST_READ: Final = 1 << 16
"""So much is read of the declaration and of the metadata; a date that comes later is not found."""


def former_fixity_of_bag(bag_root: Path, found: Iterable[Issue]) -> FormerFixity:
    """Return what the bag in ``bag_root`` had recorded; ``found`` is what its validation found.

    The date is that of its ``Bagging-Date`` (RFC 8493, section 2.2.2), which nothing vouches for. Raises
    ``OSError`` where the folder cannot be listed.
    """
    names = sorted(name for name in payload_algorithms(bag_root) if hex_length(name) is not None)
    if not names:
        return FormerFixity()
    severities = {issue.severity for issue in found}
    errors, warnings = Severity.ERROR in severities, Severity.WARNING in severities
    outcome = EventOutcome.FAIL if errors else EventOutcome.WARNING if warnings else EventOutcome.SUCCESS
    record = f"the bag's own manifests of {' and '.join(names)}"
    sentence = "it is not valid" if errors else "every file has the digests that they list"
    return FormerFixity(record, bagging_date(bag_root), outcome, sentence)


def former_fixity_by(tally: ManifestTally) -> FormerFixity:
    """Return what manifests that came with a drop had recorded of it."""
    if not tally.confirmed and not tally.differing:
        return FormerFixity()
    failed, partly = tally.differing or tally.missing, tally.unusable or tally.unlisted
    outcome = EventOutcome.FAIL if failed else EventOutcome.WARNING if partly else EventOutcome.SUCCESS
    return FormerFixity("the manifests that came with it", "", outcome, tally.sentence)


def former_fixity_issue(former: FormerFixity) -> Issue:
    """Return the remark of the receipt on what an old holding was held against."""
    code = codes.HELD_AGAINST_A_RECORD if former.record else codes.FIXITY_UNKNOWN_BEFORE
    parts = filter(None, (former.statement, former.sentence, former.limits))
    return Issue(
        code, Severity.INFO, f"It is an old holding: {'; '.join(parts)}.", None, codes.NEXT_STEPS[code]
    )


def bagging_date(bag_root: Path) -> str:
    """Return the ``Bagging-Date`` of a bag as it is written there; empty where none can be read."""
    source = FolderSource(bag_root, leaving=PAYLOAD)
    try:
        with source.open_tag_file(BAGIT_TXT) as stream:
            declaration, _ = parse_declaration(stream.read(_LARGEST_READ))
        with source.open_tag_file(declaration.metadata_file) as stream:
            metadata = BytesIO(stream.read(_LARGEST_READ))
        for line in parse_bag_info(TagText(metadata, declaration.encoding)):
            if isinstance(line, MetadataElement) and line.label.lower() == _DATE:
                return printable(line.value[:_LONGEST_DATE])
    except (OSError, TagTextError):
        # What cannot be read is reported by the bag's validation.
        return ""
    return ""
