"""What one audit has read of each share, and what it may still read there."""

from collections import Counter
from collections.abc import Sequence

from flows.archive.audit_budget import AuditBudget
from flows.archive.audit_plan import Share
from flows.archive.audit_request import AuditRequest
from storage.ports.audits import AuditedReplica, Scope


class AuditAllowance:
    """Counts against the limits of the shares, which are the policies', and the budget of the request."""

    def __init__(self, request: AuditRequest) -> None:
        self._budget = AuditBudget.of(request)
        self._is_in_all = request.budget is not None
        self._bytes: Counter[Scope] = Counter()
        self._files: Counter[Scope] = Counter()

    @property
    def is_used_up(self) -> bool:
        """Say whether the budget of the request has no byte left, in whatever store."""
        return self._budget.most_bytes == 0

    def take(self, share: Share, replicas: Sequence[AuditedReplica]) -> None:
        """Count replicas that are read."""
        size = sum(one.bytes for one in replicas)
        self._bytes[share.scope] += size
        self._files[share.scope] += sum(one.files for one in replicas)
        self._budget.take(size, share.pace)

    def bytes_left(self, share: Share) -> int | None:
        """Return how many bytes of the share may still be read; ``None`` is no limit."""
        allowed = (self._left(share, share.most_bytes), self._budget.most_bytes, self.payable(share))
        return min((one for one in allowed if one is not None), default=None)

    def files_left(self, share: Share) -> int | None:
        """Return how many files of the share may still be read; ``None`` is no limit."""
        return None if share.most_files is None else max(0, share.most_files - self._files[share.scope])

    def payable(self, share: Share) -> int | None:
        """Return how many bytes of the share can still be paid for; ``None`` is no limit."""
        limits = (self._left(share, share.most_for_money), self._budget.payable(share.pace))
        return min((one for one in limits if one is not None), default=None)

    def takes_larger(self, share: Share) -> bool:
        """Return whether one replica that is larger than what may be read comes by itself: as the first."""
        taken = self._bytes.total() if self._is_in_all else self._bytes[share.scope]
        return share.larger_alone and not taken

    def has_room(self, share: Share, size: tuple[int, int]) -> bool:
        """Return whether so many files and bytes, due or not, may be read in what is left of the day."""
        files, bytes_of_it = size
        by_bytes = (self._left(share, share.left_today), self._budget.most_bytes)
        most_files = self.files_left(share)
        fits = all(one is None or bytes_of_it <= one for one in by_bytes)
        if fits and (most_files is None or files <= most_files):
            return True
        return share.larger_alone and not self._bytes[share.scope]

    def _left(self, share: Share, limit: int | None) -> int | None:
        return None if limit is None else max(0, limit - self._bytes[share.scope])
