"""One bucket inbox at work: it is looked through, complete drops are fetched, and answers are brought to it.

Each is done in a thread of its own, so that a large drop on its way holds up no answer, and a bucket that is
away holds up nothing else.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from flows.inboxes.bucket.answer import BucketAnswers
from flows.inboxes.bucket.claims import BucketClaims, installation_mark
from flows.inboxes.bucket.download import DownloadProgress, StoppedError
from flows.inboxes.bucket.fetch import Fetcher, NotFetched
from flows.inboxes.bucket.keys import CLAIMS, INBOX, DropPlace
from flows.inboxes.bucket.listing import ListedDrop
from flows.inboxes.bucket.report import BucketReport
from flows.inboxes.bucket.watcher import BucketWatcher, what_a_bucket_lacks
from flows.inboxes.folder.inboxes import InboxFault, terms_of
from flows.inboxes.queue.answers import is_answered
from flows.inboxes.queue.takes import Take, TakeId, take_folders, take_of
from flows.inboxes.report import BucketNews
from flows.installation.areas import Area
from flows.installation.log import LOG
from flows.installation.settings import BucketInboxSettings, Settings
from preservation.errors import ConfigurationError, PreservationError
from preservation.model.identifiers import collection_name
from preservation.model.paths import StoreKey, shown
from preservation.settling.settle import Moment
from preservation.settling.terms import SettlingTerms
from storage.ports.drop_buckets import DropBucket


@dataclass(frozen=True, slots=True)
class _Backoff:
    take: Take
    again: float


def reason_of(error: Exception, where: str) -> str:
    """Return what went wrong; what nobody foresaw is logged with all that is known of it."""
    if isinstance(error, (OSError, PreservationError)):
        return str(error)
    LOG.error("%s: what nobody foresaw", where, exc_info=error)
    return f"what nobody foresaw: {shown(repr(error))}; the log says where"


class Backoffs:
    """Remembers them for one kind of work, whose ``sentence`` says what waits; told of in ``bulletin``.

    Each take is left alone for so many ``seconds``.
    """

    def __init__(self, bulletin: BucketReport, sentence: str, seconds: float) -> None:
        self._bulletin = bulletin
        self._sentence = sentence
        self._seconds = seconds
        self._known: dict[str, _Backoff] = {}

    def keep_only(self, takes: Collection[Take]) -> None:
        """Forget all others: somebody else has done what there was to be done for them."""
        there = {take.id for take in takes}
        for setback in [one for one in self._known.values() if one.take.id not in there]:
            self.forget(setback.take)

    def is_resting(self, take: Take) -> bool:
        """Say whether a take is to be left alone now."""
        setback = self._known.get(take.id)
        return setback is not None and time.monotonic() < setback.again

    def note(self, take: Take, error: Exception) -> None:
        """Note that it could not be done."""
        where = shown(str(take.folder))
        self._known[take.id] = _Backoff(take, time.monotonic() + self._seconds)
        self._bulletin.tell(where, f"{self._sentence} ({reason_of(error, where)})")

    def forget(self, take: Take) -> None:
        """Note that it could be done."""
        if self._known.pop(take.id, None) is not None:
            self._bulletin.tell(shown(str(take.folder)), "")


_FETCHERS: Final = 4
"""So many drops are fetched at a time: of small ones, most of the time is spent waiting for the service."""

_ANSWER_SECONDS: Final = 1.0
_RESUME_SECONDS: Final = 10.0
_AWAY_SECONDS: Final = 30.0
"""For so long a bucket that did not answer is left alone before answers are tried again."""


class BucketInbox:
    """A bucket inbox at work until it is stopped.

    ``taken`` is called with each drop that is ours from then on, ``changed`` when there is something new to
    be told.
    """

    def __init__(
        self,
        settings: Settings,
        inbox: BucketInboxSettings,
        taken: Callable[[Take], None],
        changed: Callable[[], None],
        bucket: DropBucket,
    ) -> None:
        self._settings = settings
        self._inbox = inbox
        self._area = settings.areas[0]
        self._taken = taken
        self._changed = changed
        self._bucket = bucket
        self._bulletin = BucketReport(self._bucket, changed)
        self._stopped = threading.Event()
        # No SimpleQueue: of several that wait, one that is woken late waits for ever, whatever its timeout.
        self._complete: queue.Queue[tuple[ListedDrop, DownloadProgress]] = queue.Queue()
        self._threads: list[threading.Thread] = []
        self._ended_by: BaseException | None = None

    def start(self) -> None:
        """Begin."""
        for work in (self._look_on, self._answer_on, self._resume_on, *[self._fetch_on] * _FETCHERS):
            thread = threading.Thread(target=self._begun, args=(work,), name=f"bucket {self._inbox.name}")
            thread.start()
            self._threads.append(thread)

    def stop(self) -> None:
        """Ask it to end; what is on its way is gone on with by the next one."""
        self._stopped.set()

    def wait(self) -> None:
        """Wait until it has ended."""
        for thread in self._threads:
            thread.join()

    def require_alive(self) -> None:
        """Raise what ended one of its threads, should one have ended by itself."""
        if self._ended_by is not None:
            raise self._ended_by

    @property
    def news(self) -> BucketNews:
        """What is to be told of it now."""
        return self._bulletin.news

    def _begun(self, work: Callable[[BucketClaims], None]) -> None:
        """Do ``work`` once it is known who we are."""
        where = self._bulletin.where(StoreKey(""))
        while not self._stopped.is_set():
            try:
                claims = BucketClaims(self._bucket, installation_mark(self._settings))
                self._bulletin.tell(where, "")
                work(claims)
            except StoppedError:
                return
            except Exception as error:  # noqa: BLE001  what ails one bucket must not end the watching of all
                reason = reason_of(error, where)
                self._bulletin.tell(
                    where, f"the bucket inbox cannot be attended to ({reason}); it is tried again"
                )
                self._stopped.wait(_AWAY_SECONDS)
            except BaseException as error:  # noqa: BLE001  raised again in the thread that everybody looks at
                self._ended_by = error
                self._changed()
                return

    def _look_on(self, claims: BucketClaims) -> None:
        """List the bucket, have what is complete fetched, and pause."""
        scratch = self._settings.state
        watcher = BucketWatcher(
            self._bucket,
            claims,
            self._inbox.poll,
            self._terms_of,
            lambda place: what_a_bucket_lacks(place, self._bucket, scratch, self._stopped),
            self._has_take,
            self._stopped,
        )
        where = self._bulletin.where(StoreKey(INBOX))
        while not self._stopped.is_set():
            again = Moment(time.monotonic() + self._inbox.poll)
            try:
                looked = watcher.look(Moment(time.monotonic()), self._bulletin.places_in_hand)
            except PreservationError as error:
                self._bulletin.tell(where, str(error))
            else:
                self._bulletin.tell(where, "")
                for wanted in self._bulletin.note_look(looked):
                    self._complete.put(wanted)
                again = looked.again
            self._stopped.wait(max(again - time.monotonic(), 0))

    def _fetch_on(self, claims: BucketClaims) -> None:
        """Fetch what is complete, one drop after the other."""
        fetcher = self._fetcher(claims)
        while not self._stopped.is_set():
            try:
                listed, progress = self._complete.get(timeout=_ANSWER_SECONDS)
            except queue.Empty:
                continue
            self._fetch(fetcher, listed, progress)

    def _resume_on(self, claims: BucketClaims) -> None:
        """Go on with what somebody was killed over, or with what a bucket that is away has interrupted."""
        fetcher = self._fetcher(claims)
        setbacks = Backoffs(self._bulletin, "what is being fetched waits, and is tried again", _AWAY_SECONDS)
        where = self._bulletin.where(StoreKey(CLAIMS))
        while not self._stopped.is_set():
            try:
                unfinished = list(fetcher.unfinished())
            except OSError as error:
                self._bulletin.tell(where, f"what is being fetched waits: {error}")
            else:
                self._bulletin.tell(where, "")
                setbacks.keep_only(unfinished)
                for take in unfinished:
                    if not setbacks.is_resting(take):
                        self._resume(fetcher, take, setbacks)
            self._stopped.wait(_RESUME_SECONDS)

    def _resume(self, fetcher: Fetcher, take: Take, setbacks: Backoffs) -> None:
        """Go on with one take; what keeps that one from being fetched is no reason to leave the others."""
        progress = self._bulletin.note_resumed(take)
        if progress is None:
            return
        try:
            fetched = fetcher.go_on(take, progress)
        except StoppedError:
            raise
        except Exception as error:  # noqa: BLE001  the takes after it are gone on with, whatever it is
            setbacks.note(take, error)
        else:
            setbacks.forget(take)
            if isinstance(fetched, Take):
                self._tell_taken(fetched)
        finally:
            self._bulletin.note_interrupted(take)

    def _fetcher(self, claims: BucketClaims) -> Fetcher:
        threads = max(self._inbox.connections // _FETCHERS, 1)
        return Fetcher(self._bucket, claims, self._area, threads, self._stopped)

    def _fetch(self, fetcher: Fetcher, listed: ListedDrop, progress: DownloadProgress) -> None:
        try:
            fetched = fetcher.fetch(listed, progress)
        except StoppedError:
            return
        except Exception as error:  # noqa: BLE001  the drops after it are fetched, whatever it is
            reason = reason_of(error, self._bulletin.where(listed.place.key))
            fetched = NotFetched(f"it could not be fetched ({reason}); it is tried again")
        if isinstance(fetched, Take):
            self._tell_taken(fetched)
        else:
            self._bulletin.note_refused(listed, fetched)

    def _tell_taken(self, take: Take) -> None:
        place = DropPlace.of(take)
        LOG.info("%s: taken (%s)", take.object_id, self._bulletin.where(place.key))
        self._bulletin.note_brought(place)
        self._taken(take)

    def _answer_on(self, claims: BucketClaims) -> None:
        """Bring to the bucket what the runs have answered."""
        answering = BucketAnswers(self._bucket, claims, self._inbox.connections, self._stopped)
        setbacks = Backoffs(
            self._bulletin,
            "its drop is answered, and the answer waits to be put into the bucket",
            _AWAY_SECONDS,
        )
        while not self._stopped.is_set():
            answered = list(self._answered())
            setbacks.keep_only(answered)
            for take in answered:
                if not setbacks.is_resting(take):
                    self._answer(answering, take, setbacks)
                if self._stopped.is_set():
                    return
            self._stopped.wait(_ANSWER_SECONDS)

    def _answer(self, answering: BucketAnswers, take: Take, setbacks: Backoffs) -> None:
        try:
            done = answering.answer(take)
        except StoppedError:
            raise
        except Exception as error:  # noqa: BLE001  the takes after it are answered, whatever it is
            setbacks.note(take, error)
        else:
            setbacks.forget(take)
            if done:
                LOG.info("%s: answered in %s", take.object_id, self._bulletin.where(StoreKey("")))

    def _answered(self) -> Iterator[Take]:
        for folder in take_folders(self._area):
            if not (folder / "answer.json").exists():
                continue
            take = take_of(folder, self._area)
            if take is not None and take.bucket_inbox == self._inbox.name and is_answered(take):
                yield take

    def _has_take(self, take: TakeId) -> bool:
        """Say whether the take is there; where the disk of all takes is away, it is not known to be gone."""
        return (self._area.taken / take).exists() or not self._area.taken.is_dir()

    def _terms_of(self, collection: str) -> SettlingTerms | str:
        try:
            return terms_of(self._settings.policy_of(collection_name(collection)))
        except ValueError as error:
            return f"{error}; nothing in it is taken"
        except ConfigurationError as error:
            return f"nothing in it is taken: {error}"


def forsaken(settings: Settings) -> Iterator[InboxFault]:
    """Tell of takes whose bucket inbox is in the settings no more. Raises nothing."""
    names = {inbox.name for inbox in settings.bucket_inbox}
    for area in settings.areas:
        for folder in _folders_in(area):
            take = take_of(folder, area)
            if take is not None and take.bucket_inbox and take.bucket_inbox not in names:
                yield InboxFault(
                    folder,
                    f"its drop came from the bucket inbox {take.bucket_inbox}, which muniment.toml has no "
                    "more, so it cannot be answered there; put that [[bucket_inbox]] back until it is",
                )


def _folders_in(area: Area) -> list[Path]:
    try:
        return take_folders(area)
    except OSError:
        # What ails the area is told by whoever recovers its takes.
        return []
