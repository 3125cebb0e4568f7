"""A submitted bag, judged by two readers, and its payload not read again: the survey has read it."""

import logging
import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from shutil import copyfileobj
from tempfile import TemporaryDirectory
from typing import BinaryIO

import bagit

from preservation.bagit import codes
from preservation.bagit.algorithms import BagAlgorithm, algorithms_of_bag, normalized_name
from preservation.bagit.folder_source import FolderSource, digest_large
from preservation.bagit.source import PAYLOAD, BagSource, Digested, Listing, Observed, Wanted
from preservation.bagit.validation import validate
from preservation.model.files import IrregularEntry, SurveyedFile
from preservation.model.issues import Issue
from preservation.model.paths import RelativePath, printable


def check_submitted_bag(bag_root: Path, survey: Iterable[SurveyedFile | IrregularEntry]) -> tuple[Issue, ...]:
    """Validate the bag in ``bag_root``, whose payload folder was surveyed, and have it read by ``bagit`` too.

    The survey's digests are by ``algorithms_of_bag`` at least. An issue about a payload file names it
    as the survey does; one about a tag file names it in its message only. Raises ``OSError`` where
    the bag's folder cannot be listed any more.
    """
    bag = _SurveyedBag(bag_root, survey)
    issues = validate(bag).issues
    return tuple(map(_as_the_survey_names_it, (*issues, *second_reading(bag))))


def _as_the_survey_names_it(issue: Issue) -> Issue:
    if issue.path is None:
        return issue
    in_payload = issue.path.startswith(PAYLOAD)
    return replace(issue, path=RelativePath(issue.path.removeprefix(PAYLOAD)) if in_payload else None)


class _SurveyedBag:
    """A bag whose tag files are in its folder and whose payload is known from the survey.

    Held in memory of each payload file: its name, its size and the digests that the bag promises.
    """

    def __init__(self, root: Path, survey: Iterable[SurveyedFile | IrregularEntry]) -> None:
        self._root = root
        self._tag_files = FolderSource(root, leaving=PAYLOAD)
        promised = algorithms_of_bag(root)
        self._payload = {
            RelativePath(PAYLOAD + entry.path): Digested(
                entry.size,
                {
                    normalized_name(algorithm): digest
                    for algorithm, digest in entry.digests.items()
                    if algorithm in promised
                },
            )
            for entry in survey
            if isinstance(entry, SurveyedFile)
        }

    @property
    def name(self) -> str:
        return str(self._root)

    def listing(self) -> Listing:
        listing = self._tag_files.listing()
        return replace(listing, files=listing.files | self._payload.keys())

    def open_tag_file(self, path: RelativePath) -> BinaryIO:
        return self._tag_files.open_tag_file(path)

    def digest(self, wanted: Wanted) -> Iterator[tuple[RelativePath, Observed]]:
        yield from self._tag_files.digest(wanted)
        for path, surveyed in self._payload.items():
            yield path, self._completed(path, surveyed, wanted(path))

    def _completed(
        self, path: RelativePath, surveyed: Digested, wanted: tuple[BagAlgorithm, ...]
    ) -> Observed:
        """Add the digests that no survey computes, such as SHA-224; for them alone the file is read."""
        rest = tuple(algorithm for algorithm in wanted if algorithm not in surveyed.digests)
        if not rest:
            return surveyed
        observed = digest_large(f"{self._root}/{path}", rest)
        if isinstance(observed, Digested):
            return Digested(surveyed.size, surveyed.digests | observed.digests)
        return observed


# It logs what it also raises, for a terminal that is not its own, names as they come. A filter, since
# a later configuration of logging enables again what was only disabled.
logging.getLogger("bagit").addFilter(lambda _: False)

_LONGEST_MESSAGE = 500


def second_reading(bag: BagSource) -> tuple[Issue, ...]:
    """Return what the Library of Congress's own ``bagit`` finds wrong in ``bag``, one warning at most.

    Only structure and completeness: it reads the manifests, but no payload, whose digests the survey has.
    It opens files by path and follows links, so it is given copies of the tag files that it opens, and
    the names of all others. It is asked because other archives will ask it. Where it finds fault with what
    our validator accepts, that is reported, and ours decides, which knows RFC 8493 better: it decodes
    %25, which ``bagit`` 1.9 does not. Raises ``OSError`` where the copies cannot be made.
    """
    listing = bag.listing()
    with TemporaryDirectory(prefix="muniment-bag-") as folder:
        if listing.payload_folder:
            (Path(folder) / PAYLOAD).mkdir()
        for path in filter(_OPENED_BY_BAGIT.fullmatch, listing.files):
            try:
                with bag.open_tag_file(path) as source, (Path(folder) / path).open("xb") as copy:
                    copyfileobj(source, copy)
            except OSError as failure:
                return (_otherwise(f"it was not asked: {path}: {failure.strerror}"),)
        try:
            _ListedBag(folder, listing).validate(completeness_only=True)
        except bagit.BagError as verdict:
            return (_otherwise(str(verdict).replace(f"{folder}/", "")),)
        except (OSError, ValueError, LookupError, RecursionError) as failure:
            # What it does not expect in a bag from anywhere, it does not catch.
            return (_otherwise(f"it gave up: {type(failure).__name__}: {failure}"),)
    return ()


_OPENED_BY_BAGIT = re.compile(r"(bagit|bag-info|package-info|fetch|(tag)?manifest-[^/]+)\.txt")


class _ListedBag(bagit.Bag):  # type: ignore[misc]  # bagit has no annotations
    """A bag as ``bagit`` knows it, whose files are those of ``listing``, wherever they are."""

    def __init__(self, folder: str, listing: Listing) -> None:
        self._listing = listing
        super().__init__(folder)

    def payload_files(self) -> Iterator[str]:
        for path in self._listing.files:
            if path.startswith(PAYLOAD):
                self.normalized_filesystem_names[bagit.normalize_unicode(path)] = path
                yield path

    def missing_optional_tagfiles(self) -> Iterator[str]:
        return (path for path in self.tagfile_entries() if path not in self._listing.files)

    def _validate_oxum(self) -> None:
        """Leave the size of the payload to our validator, which knows what was surveyed."""


def _otherwise(what: str) -> Issue:
    message = f"The Library of Congress's bagit says: {printable(what[:_LONGEST_MESSAGE])}"
    return codes.warning(codes.SECOND_READING, message)
