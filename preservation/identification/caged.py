"""The identifier as the stages see it: the engines run in caged processes, beside whatever else is done.

A file that brings its process down, or keeps it for too long, is unknown, with a warning that says so;
the files that were asked about together with it are asked about again, each alone.
"""

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import msgspec

from preservation.errors import ToolFailedError
from preservation.identification.exchange import FileAt, FoundFormats
from preservation.identification.links import SLOT, NamedLinks, named_links
from preservation.model.formats import EngineRelease, Identification, MimeType
from preservation.tools.limits import Limits
from preservation.tools.wire import packed
from preservation.tools.work import Completed, Died, Exhausted, JobName, Refused, Request, WorkOutcome
from preservation.tools.workers import CagedWorkers

NOT_IDENTIFIED = "could not be identified:"
"""The warning about a file that the engines could not be done with begins so."""

_JOBS = "preservation.identification.jobs"
_IMPORTED_LATE = "preservation.identification.fido"
_IDENTIFY = JobName(f"{_JOBS}:identify")
_RELEASES = JobName(f"{_JOBS}:releases")

_SLOWEST = 16 << 20
"""Bytes a second that must be expected: siegfried reads some files to their end, twenty times as fast."""

_LEAST_ADDRESS_SPACE = 3 << 30
"""Siegfried's runtime (Go) reserves above 1 GiB, of which it uses about 150 MiB."""

_NOTHING_KNOWN = MimeType("application/octet-stream")


def identifying_workers(
    limits: Limits, processes: int, openable: Iterable[Path], also: tuple[str, ...] = ()
) -> CagedWorkers:
    """Return caged processes that have the engines loaded and can read what is at and below ``openable``.

    What of it is a link, or not there when a process starts, cannot be read. They are given 3 GiB of
    address space at least, whatever ``limits`` says. ``also`` are modules of other jobs that open files.
    """
    roomy = replace(limits, address_space=max(limits.address_space, _LEAST_ADDRESS_SPACE))
    places = tuple(map(_from_root, openable))
    return CagedWorkers(roomy, processes, (_JOBS, _IMPORTED_LATE, *also), openable=places)


class CagedIdentifier:
    """Identifies files in ``workers``, which ``identifying_workers`` made.

    Links to what is identified are made in ``scratch``, as ``named_links`` has it.
    """

    def __init__(
        self, workers: CagedWorkers, *, second_opinion: bool = True, scratch: Path | None = None
    ) -> None:
        self._workers = workers
        self._second_opinion = second_opinion
        self._scratch = scratch

    @property
    def releases(self) -> tuple[EngineRelease, ...]:
        """The engines with their versions and signatures. Raises ``ToolFailedError``."""
        request = Request(_RELEASES, {"second_opinion": self._second_opinion}, ())
        (outcome,) = self._workers.map([request])
        if not isinstance(outcome, Completed):
            raise ToolFailedError(f"the identification engines cannot be asked: {_reason(outcome)}")
        return msgspec.convert(outcome.value, tuple[EngineRelease, ...])

    def identify(self, root: Path, batches: Iterable[Sequence[FileAt]]) -> Iterator[list[Identification]]:
        """Say of each of the plain files below ``root`` what it is, batch by batch, in their order.

        No link is followed, at no segment of a path.

        A few batches are taken in advance, and identified while the caller makes the next ones. Raises
        ``ToolFailedError`` where the engines fail as a whole, and what ``CagedWorkers.map`` raises.
        """
        asked: deque[tuple[int, Sequence[FileAt]]] = deque()
        with named_links(SLOT, self._scratch) as links:

            def requests() -> Iterator[Request]:
                for batch in batches:
                    asked.append((links.number, batch))
                    yield self._asking(links, root, batch)

            for outcome in self._workers.map(requests()):
                first, batch = asked.popleft()
                links.remove_before(first)
                found = _found(outcome, len(batch))
                if isinstance(found, list):
                    yield found
                else:
                    yield (
                        [_unidentified(found)] if len(batch) == 1 else self._each_alone(links, root, batch)
                    )

    def identify_file(self, path: Path, size: int) -> Identification:
        """Say what one plain file of ``size`` bytes is. Raises like ``identify``."""
        with named_links(SLOT, self._scratch) as links:
            (outcome,) = self._workers.map([self._request(links, [str(_from_root(path))], size)])
        return _identification(outcome)

    def _each_alone(self, links: NamedLinks, root: Path, batch: Sequence[FileAt]) -> list[Identification]:
        with identifying_workers(self._workers.limits, 1, self._workers.openable or ()) as workers:
            outcomes = workers.map(self._asking(links, root, [file]) for file in batch)
            return [_identification(outcome) for outcome in outcomes]

    def _asking(self, links: NamedLinks, root: Path, batch: Sequence[FileAt]) -> Request:
        start = _from_root(root)
        paths = [f"{start}/{file.path}" for file in batch]
        return self._request(links, paths, sum(file.size for file in batch))

    def _request(self, links: NamedLinks, paths: Sequence[str], size: int) -> Request:
        arguments = {
            "paths": [packed(path) for path in paths],
            "links": [packed(links.to(path)) for path in paths],
            "second_opinion": self._second_opinion,
        }
        return Request(_IDENTIFY, arguments, (), more_seconds=size // _SLOWEST)


def _from_root(path: Path) -> Path:
    """Return the path as a worker in another folder can use it; what is a link stays one."""
    return path if path.is_absolute() else Path.cwd() / path


def _found(outcome: WorkOutcome, count: int) -> list[Identification] | Refused | Exhausted | Died:
    """Return what was found of ``count`` files, or how it ended instead."""
    if not isinstance(outcome, Completed):
        return outcome
    try:
        found = msgspec.convert(outcome.value, FoundFormats).spread()
    except (msgspec.MsgspecError, IndexError) as error:
        return Died(f"the process no longer made sense: {error}")
    return found if len(found) == count else Died("the process no longer made sense: it left files out")


def _identification(outcome: WorkOutcome) -> Identification:
    found = _found(outcome, 1)
    return found[0] if isinstance(found, list) else _unidentified(found)


def _unidentified(outcome: Refused | Exhausted | Died) -> Identification:
    return Identification((), None, _NOTHING_KNOWN, (f"{NOT_IDENTIFIED} {_reason(outcome)}",))


def _reason(outcome: WorkOutcome) -> str:
    match outcome:
        case Refused(reason):
            return reason
        case Exhausted(limit, detail):
            return f"it needs more {limit} than it may take, which is {detail}"
        case Died(detail):
            return f"the process that looked at it ended: {detail}"
        case Completed():
            return "the answer makes no sense"
