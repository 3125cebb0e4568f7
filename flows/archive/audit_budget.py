"""What one audit may read, in all stores together: bytes, and money."""

from flows.archive.audit_request import AuditRequest
from preservation.policy.fixity import ReadingPace


class AuditBudget:
    """Counts down what an audit may still read; ``None`` is no limit. A store without a price is free."""

    def __init__(self, most_bytes: int | None, money: float | None) -> None:
        self.most_bytes = most_bytes
        self.money = money

    @classmethod
    def of(cls, request: AuditRequest) -> "AuditBudget":
        """Return what one of the audits may read that share the request."""
        size, money, runs = request.budget, request.money, request.shared_by
        return cls(None if size is None else size // runs, None if money is None else money / runs)

    def payable(self, pace: ReadingPace) -> int | None:
        """Return how many bytes can still be paid for, where they have that price."""
        return pace.bytes_for(self.money)

    def take(self, size: int, pace: ReadingPace) -> None:
        """Count so many bytes that are read."""
        if self.most_bytes is not None:
            self.most_bytes = max(0, self.most_bytes - size)
        if self.money is not None:
            self.money = max(0.0, self.money - (pace.cost(size) or 0.0))
