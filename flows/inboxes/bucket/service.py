"""The service of one bucket inbox: lists it, fetches complete drops, and puts answers into it.

Each has a thread of its own, so that a large drop delays no answer, and a bucket that is away delays nothing
else.
"""

import queue
import threading
import time
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

from flows.inboxes.bucket.answer import BucketAnswers
from flows.inboxes.bucket.claims import BucketClaims, installation_mark
from flows.inboxes.bucket.download import DownloadProgress, StoppedError
from flows.inboxes.bucket.fetch import Fetcher, NotFetched
from flows.inboxes.bucket.keys import CLAIMS, INBOX, DropPlace
from flows.inboxes.bucket.listing import ListedDrop
from flows.inboxes.bucket.notices import bucket_notices
from flows.inboxes.bucket.report import BucketReport
from flows.inboxes.bucket.watcher import BucketWatcher, lacking_in_bucket
from flows.inboxes.folder.inboxes import InboxFault, terms_of
from flows.inboxes.queue.answers import is_answered
from flows.inboxes.queue.holds import HoldBook, InboxPlace, hold_on
from flows.inboxes.queue.takes import Take, TakeId, take_folders, take_of
from flows.inboxes.report import InboxStatus
from flows.inboxes.waiting_receipt import put_marker
from flows.installation.areas import Area
from flows.installation.current_settings import CurrentSettings
from flows.installation.log import LOG
from flows.installation.settings import Settings
from flows.installation.store_settings import BucketInboxSettings
from preservation.errors import ConfigurationError, PreservationError
from preservation.model.identifiers import collection_name
from preservation.model.paths import StoreKey, printable
from preservation.settling.settle import Moment
from preservation.settling.terms import SettlingTerms
from storage.ports.drop_buckets import DropBucket


def reason_of(error: Exception, where: str) -> str:
    """Return what went wrong; an unexpected error is also logged with its traceback."""
    if isinstance(error, (OSError, PreservationError)):
        return str(error)
    LOG.error("%s: an unexpected error", where, exc_info=error)
    return f"an unexpected error: {printable(repr(error))}; the log has its traceback"


class Backoffs:
    """The takes for which one kind of work failed; each rests for ``seconds`` before the next try.

    The faults are reported in ``report``, with the ``sentence`` that says what waits.
    """

    def __init__(self, report: BucketReport, sentence: str, seconds: float) -> None:
        self._report = report
        self._sentence = sentence
        self._seconds = seconds
        self._known: dict[str, tuple[Take, float]] = {}

    def work_on(self, takes: Collection[Take], work: Callable[[Take], object]) -> None:
        """Do the work for each of the takes that need not rest; one that fails delays no other.

        Takes that are not among them are forgotten: another process has done their work. Raises
        ``StoppedError``.
        """
        there = {take.id for take in takes}
        for take in [take for take, _ in self._known.values() if take.id not in there]:
            self._forget(take)
        for take in takes:
            _, again = self._known.get(take.id, (take, float("-inf")))
            if time.monotonic() >= again:
                self._attempt(take, work)

    def _attempt(self, take: Take, work: Callable[[Take], object]) -> None:
        try:
            work(take)
        except StoppedError:
            raise
        except Exception as error:  # noqa: BLE001  the takes after it are worked on in any case
            where = printable(str(take.folder))
            self._known[take.id] = take, time.monotonic() + self._seconds
            self._report.report_fault(where, f"{self._sentence} ({reason_of(error, where)})")
        else:
            self._forget(take)

    def _forget(self, take: Take) -> None:
        if self._known.pop(take.id, None) is not None:
            self._report.report_fault(printable(str(take.folder)), "")


_FETCHERS: Final = 4
"""So many drops are fetched at a time: with small ones, most of the time is spent waiting for the service."""

_ANSWER_SECONDS: Final = 1.0
_RESUME_SECONDS: Final = 10.0
_AWAY_SECONDS: Final = 30.0
"""The pause after a bucket did not answer, before it is tried again."""


@dataclass
class BucketInbox:
    """The service of a bucket inbox, until it is stopped.

    ``taken`` is called with each new take, ``changed`` when the status has changed.
    """

    settings: Settings
    inbox: BucketInboxSettings
    taken: Callable[[Take], None]
    changed: Callable[[], None]
    bucket: DropBucket

    def __post_init__(self) -> None:
        self._area = self.settings.areas[0]
        self._current = CurrentSettings(self.settings)
        self._holds = HoldBook(self.settings)
        self._report = BucketReport(self.bucket, self.changed)
        self._stopped = threading.Event()
        # No SimpleQueue: of several that wait, one that is woken late waits for ever, whatever its timeout.
        self._complete: queue.Queue[tuple[ListedDrop, DownloadProgress]] = queue.Queue()
        self._threads: list[threading.Thread] = []
        self._ended_by: BaseException | None = None

    def start(self) -> None:
        """Start the threads."""
        for work in (self._watch, self._answer_all, self._resume_all, *[self._fetch_all] * _FETCHERS):
            thread = threading.Thread(target=self._run, args=(work,), name=f"bucket {self.inbox.name}")
            thread.start()
            self._threads.append(thread)

    def stop(self) -> None:
        """Ask the threads to end; the next service resumes what is being fetched."""
        self._stopped.set()

    def wait(self) -> None:
        """Wait until the threads have ended."""
        for thread in self._threads:
            thread.join()

    def require_alive(self) -> None:
        """Raise the error that ended one of the threads, if any."""
        if self._ended_by is not None:
            raise self._ended_by

    @property
    def status(self) -> InboxStatus:
        """What is to be reported now."""
        return self._report.status

    def _run(self, work: Callable[[BucketClaims], None]) -> None:
        """Do ``work`` until stopped, again after every failure."""
        where = self._report.where(StoreKey(""))
        while not self._stopped.is_set():
            try:
                claims = BucketClaims(self.bucket, installation_mark(self.settings))
                self._report.report_fault(where, "")
                work(claims)
            except StoppedError:
                return
            except Exception as error:  # noqa: BLE001  a fault of one bucket must not end the watching of all
                reason = reason_of(error, where)
                self._report.report_fault(
                    where, f"the bucket inbox cannot be used ({reason}); it is tried again"
                )
                self._stopped.wait(_AWAY_SECONDS)
            except BaseException as error:  # noqa: BLE001  raised again in the main thread of the service
                self._ended_by = error
                self.changed()
                return

    def _watch(self, claims: BucketClaims) -> None:
        """List the bucket, queue what is complete for fetching, and pause."""
        scratch = self.settings.state
        watcher = BucketWatcher(
            self.bucket,
            claims,
            self.inbox.poll,
            self._terms_of,
            lambda place: lacking_in_bucket(place, self.bucket, scratch, self._stopped),
            self._has_take,
            self._stopped,
            held=self._held,
        )
        notices = bucket_notices(self.bucket, scratch)
        where = self._report.where(StoreKey(INBOX))
        while not self._stopped.is_set():
            again = Moment(time.monotonic() + self.inbox.poll)
            try:
                looked = watcher.look(Moment(time.monotonic()), self._report.places_being_fetched)
            except PreservationError as error:
                self._report.report_fault(where, str(error))
            else:
                self._report.report_fault(where, "")
                notices.update(looked.passed_over)
                for wanted in self._report.record_listing(looked):
                    self._complete.put(wanted)
                again = looked.again
            self._stopped.wait(max(again - time.monotonic(), 0))

    def _fetch_all(self, claims: BucketClaims) -> None:
        """Fetch what is complete, one drop after the other."""
        fetcher = self._fetcher(claims)
        while not self._stopped.is_set():
            try:
                listed, progress = self._complete.get(timeout=_ANSWER_SECONDS)
            except queue.Empty:
                continue
            self._fetch(fetcher, listed, progress)

    def _resume_all(self, claims: BucketClaims) -> None:
        """Resume what a kill, or a bucket that is away, has interrupted."""
        fetcher = self._fetcher(claims)
        backoffs = Backoffs(self._report, "what is being fetched waits, and is tried again", _AWAY_SECONDS)
        where = self._report.where(StoreKey(CLAIMS))
        while not self._stopped.is_set():
            try:
                unfinished = list(fetcher.unfinished())
            except OSError as error:
                self._report.report_fault(where, f"what is being fetched waits: {error}")
            else:
                self._report.report_fault(where, "")
                backoffs.work_on(unfinished, partial(self._resume, fetcher))
            self._stopped.wait(_RESUME_SECONDS)

    def _resume(self, fetcher: Fetcher, take: Take) -> None:
        progress = self._report.record_resumed(take)
        if progress is None:
            return
        try:
            fetched = fetcher.resume(take, progress)
            if isinstance(fetched, Take):
                self._report_taken(fetched)
        finally:
            self._report.record_interrupted(take)

    def _fetcher(self, claims: BucketClaims) -> Fetcher:
        threads = max(self.inbox.connections // _FETCHERS, 1)
        return Fetcher(self.bucket, claims, self._area, threads, self._stopped)

    def _fetch(self, fetcher: Fetcher, listed: ListedDrop, progress: DownloadProgress) -> None:
        try:
            fetched = fetcher.fetch(listed, progress)
        except StoppedError:
            return
        except Exception as error:  # noqa: BLE001  the drops after it are fetched in any case
            reason = reason_of(error, self._report.where(listed.place.key))
            fetched = NotFetched(f"it could not be fetched ({reason}); it is tried again")
        if isinstance(fetched, Take):
            self._report_taken(fetched)
        else:
            self._report.record_refused(listed, fetched)

    def _report_taken(self, take: Take) -> None:
        place = DropPlace.of(take)
        LOG.info("%s: taken (%s)", take.object_id, self._report.where(place.key))
        self._report.record_fetched(place)
        self.taken(take)

    def _answer_all(self, claims: BucketClaims) -> None:
        """Put the answers of the runs into the bucket."""
        answers = BucketAnswers(self.bucket, claims, self.inbox.connections, self._stopped)
        backoffs = Backoffs(
            self._report,
            "its drop is answered, and the answer waits to be put into the bucket",
            _AWAY_SECONDS,
        )
        shows = Backoffs(self._report, "its receipt waits to be put into the bucket", _AWAY_SECONDS)
        while not self._stopped.is_set():
            backoffs.work_on(list(self._answered()), partial(self._answer, answers))
            shows.work_on(list(self._waiting()), answers.show_waiting)
            self._stopped.wait(_ANSWER_SECONDS)

    def _answer(self, answers: BucketAnswers, take: Take) -> None:
        if self._stopped.is_set():
            raise StoppedError
        if answers.answer(take):
            LOG.info("%s: answered in %s", take.object_id, self._report.where(StoreKey("")))

    def _answered(self) -> Iterator[Take]:
        for folder in take_folders(self._area):
            if not (folder / "answer.json").exists():
                continue
            take = take_of(folder, self._area)
            if take is not None and take.bucket_inbox == self.inbox.name and is_answered(take):
                yield take

    def _waiting(self) -> Iterator[Take]:
        """Yield the takes whose receipt in ``waiting/`` is not as it is to be."""
        for folder in take_folders(self._area):
            if (folder / "answer.json").exists() or not (folder / "waiting.json").exists():
                continue
            take = take_of(folder, self._area)
            if take is not None and take.bucket_inbox == self.inbox.name and not put_marker(take).exists():
                yield take

    def _has_take(self, take: TakeId) -> bool:
        """Return whether the take exists; where the disk of all takes is away, assume that it does."""
        return (self._area.taken / take).exists() or not self._area.taken.is_dir()

    def _held(self, place: DropPlace) -> str:
        """Return why what lies there is held, or ``""``. Raises ``IntegrityError``."""
        hold = hold_on(InboxPlace(place.collection, place.groups, self.inbox.name), self._holds.now())
        return "" if hold is None else hold.sentence

    def _terms_of(self, collection: str) -> SettlingTerms | str:
        try:
            return terms_of(self._current.now().policy_of(collection_name(collection)))
        except ValueError as error:
            return f"{error}; nothing in it is taken"
        except ConfigurationError as error:
            return f"nothing in it is taken: {error}"


def orphaned_takes(settings: Settings) -> Iterator[InboxFault]:
    """Yield a fault for each take whose bucket inbox is no longer in the settings. Raises nothing."""
    names = {inbox.name for inbox in settings.bucket_inbox}
    for area in settings.areas:
        for folder in _folders_in(area):
            take = take_of(folder, area)
            if take is not None and take.bucket_inbox and take.bucket_inbox not in names:
                yield InboxFault(
                    folder,
                    f"its drop came from the bucket inbox {take.bucket_inbox}, which is no longer in "
                    "muniment.toml, so it cannot be answered; put that [[bucket_inbox]] back until it is",
                )


def _folders_in(area: Area) -> list[Path]:
    try:
        return take_folders(area)
    except OSError:
        # The recovery of the area's takes reports the fault.
        return []
