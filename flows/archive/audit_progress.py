"""How far an audit is: percent, rate, time left, and what it has found so far."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from threading import Lock

from flows.archive.audit import AuditOutcome, NotAudited
from flows.archive.audit_plan import Share
from flows.archive.audit_request import AuditRequest, Selection
from flows.archive.progress_line import in_words, shown
from preservation.model.amounts import byte_size, count
from storage.audits.work import AuditResult


class AuditProgress:
    """Counts what an audit reads, from any thread, and what it has shown."""

    def __init__(self, files: int, size: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._of_files, self._of_bytes = files, size
        self._clock = clock
        self._began = clock()
        self._lock = Lock()
        self.files = self.bytes = 0
        self.replicas = self.confirmed = self.damaged = self.unjudged = self.left_unread = 0

    @classmethod
    def of(cls, request: AuditRequest, shares: Sequence[Share]) -> "AuditProgress":
        """Return the progress of an audit that is to read the shares."""
        if request.selection is Selection.SAMPLE:
            return cls((request.sample or 0) * len({share.scope.store for share in shares}), 0)
        return cls(sum(share.files for share in shares), sum(share.bytes for share in shares))

    def read(self, files: int, size: int) -> None:
        """Count so many files and bytes that were read."""
        with self._lock:
            self.files += files
            self.bytes += size

    def add(self, outcome: AuditOutcome) -> None:
        """Count what was seen of a replica."""
        if isinstance(outcome, NotAudited):
            self.left_unread += 1
        if isinstance(outcome, AuditResult):
            # Of one whose lists are lost, no file was read.
            self.replicas += not outcome.unjudged
            self.confirmed += outcome.confirmed
            self.damaged += outcome.damaged
            self.unjudged += bool(outcome.unjudged)

    @property
    def share(self) -> float:
        """How much of it is done, from 0 to 1; as far as it is known how much there is."""
        done, whole = (self.bytes, self._of_bytes) if self._of_bytes else (self.files, self._of_files)
        return min(1.0, done / whole) if whole else 0.0

    def line(self) -> str:
        """Return one line for people."""
        seconds = max(self._clock() - self._began, 0.001)
        share = self.share
        said = [f"{share:.0%}", f"{count(self.files, 'file')}, {byte_size(self.bytes)}"]
        said.append(f"{byte_size(round(self.bytes / seconds))}/s")
        if 0 < share < 1:
            said.append(f"about {in_words(seconds / share - seconds)} left")
        if self.damaged:
            said.append(f"{self.damaged:,} NOT AS KEPT")
        return "audit: " + ", ".join(said)

    def summary(self) -> str:
        """Return the sentence on what was read, once the audit has ended."""
        if not self.replicas and not self.files and not self.unjudged:
            return "Nothing was read." if self.left_unread else "Nothing was to be read now."
        found = f"{count(self.confirmed, 'file')} as kept"
        if self.damaged:
            found += f", {self.damaged:,} not as kept: muniment damage"
        if self.unjudged:
            found += (
                f"; the lists of {count(self.unjudged, 'replica')} are lost: nothing is known of the files"
            )
        seconds = self._clock() - self._began
        # Of a sample, not all files of a replica were read.
        return f"Files of {count(self.replicas, 'replica')} read in {in_words(seconds)}: {found}."

    @contextmanager
    def shown(self, say: Callable[[str], None]) -> Iterator[None]:
        """Say now and then how far it is, while the context lasts. What is short says nothing."""
        with shown(self.line, say):
            yield
