"""A submitted bag, judged by two readers, and its payload not read again: the survey has read it."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import BinaryIO, Final

from preservation.bagit import codes
from preservation.bagit.algorithms import BagAlgorithm, algorithms_of_bag, normalized_name
from preservation.bagit.folder_source import FolderSource, digest_large
from preservation.bagit.litter import apple_doubles
from preservation.bagit.source import PAYLOAD, Digested, Listing, Observed, Wanted
from preservation.bagit.validation import validate
from preservation.intake.cage import READ_AGAIN
from preservation.model.events import Agent, AgentKind
from preservation.model.files import EntryKind, IrregularEntry, SurveyedFile
from preservation.model.issues import Issue
from preservation.model.paths import RelativePath, is_utf8, printable
from preservation.tools.wire import packed
from preservation.tools.work import Completed, Exhausted, Refused, Request
from preservation.tools.workers import CagedWorkers

SECOND_READER: Final = Agent(AgentKind.SOFTWARE, "bagit", version("bagit"))
"""Who reads a submitted bag besides Muniment."""


def check_submitted_bag(
    bag_root: Path,
    survey: Iterable[SurveyedFile | IrregularEntry],
    workers: CagedWorkers,
    *,
    unpacked: bool = False,
) -> tuple[Issue, ...]:
    """Validate the bag in ``bag_root``, whose payload folder was surveyed, and have it read by ``bagit`` too.

    ``unpacked`` says that it came in an archive, in which a Mac packs what only it knows of a file.
    The survey's digests are by ``algorithms_of_bag`` at least. An issue about a payload file names it
    as the survey does; one about a tag file names it in its message only. Raises ``OSError`` where
    the bag's folder cannot be listed any more, and what ``workers`` raise.
    """
    bag = _SurveyedBag(bag_root, survey, unpacked=unpacked)
    issues = bag.without_what_it_lacks(validate(bag).issues)
    return tuple(map(_as_the_survey_names_it, (*issues, *second_reading(bag_root, workers))))


def _as_the_survey_names_it(issue: Issue) -> Issue:
    if issue.path is None:
        return issue
    in_payload = issue.path.startswith(PAYLOAD)
    path = issue.path.removeprefix(PAYLOAD)
    path = path if is_utf8(path) else printable(path)
    return replace(issue, path=RelativePath(path) if in_payload else None)


class _SurveyedBag:
    """A bag whose tag files are in its folder and whose payload is known from the survey.

    Held in memory of each payload file: its name, its size and the digests that the bag promises.
    """

    def __init__(
        self, root: Path, survey: Iterable[SurveyedFile | IrregularEntry], *, unpacked: bool
    ) -> None:
        self._root = root
        self._unpacked = unpacked
        self._tag_files = FolderSource(root, leaving=PAYLOAD)
        self._payload: dict[RelativePath, Digested] = {}
        self._whole = True
        promised = algorithms_of_bag(root)
        for entry in survey:
            if isinstance(entry, IrregularEntry):
                self._whole = self._whole and entry.kind is not EntryKind.UNNAMEABLE
                continue
            digests = {
                normalized_name(algorithm): digest
                for algorithm, digest in entry.digests.items()
                if algorithm in promised
            }
            self._payload[RelativePath(PAYLOAD + entry.path)] = Digested(entry.size, digests)

    def without_what_it_lacks(self, issues: Iterable[Issue]) -> tuple[Issue, ...]:
        """Leave out what is said of the payload's size where files have names that no survey has."""
        return tuple(issue for issue in issues if self._whole or issue.code != codes.OXUM_MISMATCH)

    @property
    def name(self) -> str:
        return str(self._root)

    def listing(self) -> Listing:
        listing = self._tag_files.listing()
        files = listing.files | self._payload.keys()
        doubles = apple_doubles(files) if self._unpacked else frozenset()
        return replace(listing, files=files, apple_doubles=doubles)

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


def second_reading(folder: Path, workers: CagedWorkers) -> tuple[Issue, ...]:
    """Return what the Library of Congress's own ``bagit`` finds wrong in ``folder``, one warning at most.

    It is asked because other archives will ask it. Where it finds fault with what our validator accepts,
    that is reported, and ours decides, which knows RFC 8493 better: it decodes %25, which ``bagit`` 1.9 does
    not. It runs in the cage: what it does with a line may take the square of the line's length.
    """
    (outcome,) = workers.map([Request(READ_AGAIN, {"folder": packed(str(folder))}, ())])
    match outcome:
        case Completed(""):
            return ()
        case Completed(str(found)):
            return (_otherwise(found),)
        case Refused(reason):
            return (_otherwise(f"it gave up: {reason}"),)
        case Exhausted(limit, detail):
            return (_otherwise(f"it takes more {limit} than it may ({detail})"),)
        case _:
            return (_otherwise("it crashed"),)


def _otherwise(what: str) -> Issue:
    message = f"The Library of Congress's bagit says: {printable(what)}"
    return codes.warning(codes.SECOND_READING, message)
