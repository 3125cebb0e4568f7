"""A delivery held against its order: what is missing, what is too much, and what was perhaps meant."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime

from preservation.model.amounts import count
from preservation.model.identifiers import ObjectId
from preservation.model.issues import Issue, IssueCode, Severity
from preservation.model.orders import Order, Withdrawal
from preservation.model.paths import RelativePath, quoted
from preservation.orders import codes
from preservation.orders.near import near_names
from preservation.policy.globs import PathMatcher
from preservation.policy.orders import Ordering, UnorderedAction

_NAMED = 5
_HELD = 1_000
"""So many unexpected names are held, to find among them what was meant."""

_UNORDERED = {
    UnorderedAction.ACCEPT: Severity.WARNING,
    UnorderedAction.ASK: Severity.QUESTION,
    UnorderedAction.REJECT: Severity.ERROR,
}


def issues_of_unordered(
    object_id: ObjectId, ordering: Ordering, withdrawal: Withdrawal | None, ordered_names: Iterable[str]
) -> Iterator[Issue]:
    """Yield what it means that an object was not ordered. ``ordered_names`` are those still to be delivered.

    Where such drops are accepted, there is an issue only if the name is near one that was ordered.
    """
    near = near_names(object_id.name, ordered_names)
    if ordering.unordered is UnorderedAction.ACCEPT and not near:
        return
    reason = f"{object_id} was not ordered"
    if withdrawal is not None:
        reason = f"The order of {object_id} was withdrawn on {withdrawal.at:%Y-%m-%d}: {withdrawal.because}"
    meant = f" Did you mean {_listed(near)}?" if near else ""
    next_step = "Drop it again under the name that was ordered." if near else "See whether its name is right."
    yield Issue(
        codes.NOT_ORDERED,
        _UNORDERED[ordering.unordered],
        f"{reason.removesuffix('.')}.{meant}",
        None,
        next_step,
        for_operators="Where it is to be kept: put it into a list and run muniment order import.",
    )


def issues_of_order(
    order: Order, ordering: Ordering, day: date, accepted: datetime | None
) -> Iterator[Issue]:
    """Yield what is to be said before a file is looked at: it came before, or comes late on ``day``."""
    if accepted is not None:
        yield Issue(
            codes.DELIVERED_BEFORE,
            ordering.repeated.severity,
            f"{order.object} was ordered once, and was delivered and accepted on {accepted:%Y-%m-%d}.",
            None,
            "See whether this is the right object. If it was to be scanned again, nothing is to be done.",
        )
    elif order.due is not None and day > order.due:
        late = count((day - order.due).days, "day")
        yield Issue(
            codes.OVERDUE,
            ordering.overdue.severity,
            f"{order.object} was to be delivered by {order.due:%Y-%m-%d}; it comes {late} late.",
            None,
            "Agree on another day for what is still to come.",
        )


@dataclass(slots=True)
class DeliveredFiles:
    """Counts the files of a delivery one by one; what it holds is bounded, however many they are."""

    order: Order
    ordering: Ordering
    _files: int = 0
    _pages: int = 0
    _unexpected: int = 0
    _unexpected_names: list[RelativePath] = field(default_factory=list)
    _missing: dict[str, None] = field(init=False)
    _expected: frozenset[str] = field(init=False)
    _are_pages: PathMatcher = field(init=False)

    def __post_init__(self) -> None:
        self._missing = dict.fromkeys(self.order.names)
        self._expected = frozenset(self.order.names)
        self._are_pages = PathMatcher(self.ordering.page_files)

    def add(self, path: RelativePath) -> None:
        """Count a file that belongs to the object itself."""
        self._files += 1
        self._pages += self._are_pages.matches(path)
        if not self._expected:
            return
        # One file is one name: what was ordered by its path and by its name is two files.
        names = (path, path.rpartition("/")[2])
        found = next((name for name in names if name in self._expected), None)
        if found is not None:
            self._missing.pop(found, None)
        else:
            self._unexpected += 1
            if len(self._unexpected_names) < _HELD:
                self._unexpected_names.append(path)

    def issues(self) -> Iterator[Issue]:
        """Yield how what was counted differs from what was agreed."""
        yield from self._number(codes.WRONG_PAGES, self.order.pages, self._pages, "page")
        yield from self._number(codes.WRONG_FILES, self.order.files, self._files, "file")
        if self._missing:
            missing = tuple(self._missing)
            number = len(missing)
            yield Issue(
                codes.NAMES_MISSING,
                self.ordering.names.severity,
                f"{count(number, 'file')} that {_verb(number)} ordered {_is(number)} not in the delivery: "
                f"{_named(missing, number)}.{self._meant(missing)}",
                None,
                "Add what is missing, or give the files the names that were ordered, and drop it again.",
            )
        if self._unexpected:
            yield Issue(
                codes.NAMES_UNEXPECTED,
                self.ordering.names.severity,
                f"{count(self._unexpected, 'file')} of the delivery {_verb(self._unexpected)} not ordered by "
                f"{'its name' if self._unexpected == 1 else 'their names'}: "
                f"{_named(self._unexpected_names, self._unexpected)}.",
                self._unexpected_names[0],
                "Take out what does not belong to the object, or give the files the names that were ordered.",
            )

    def _number(self, code: IssueCode, agreed: int | None, found: int, noun: str) -> Iterator[Issue]:
        if agreed is None or agreed == found:
            return
        difference = f"{count(agreed - found, noun)} too few" if found < agreed else ""
        yield Issue(
            code,
            self.ordering.numbers.severity,
            f"{count(agreed, noun)} of {self.order.object} {_verb(agreed)} ordered, and {found:,} "
            f"{_is(found)} delivered: {difference or f'{count(found - agreed, noun)} too many'}.",
            None,
            "Compare it with what was scanned; add what is missing, or take out what is too much, and drop "
            "it again.",
            for_operators="Where the order is wrong: correct the list and run muniment order import.",
        )

    def _meant(self, missing: Sequence[str]) -> str:
        """Return which unexpected files may be meant by the first that are missing."""
        names = {path.rpartition("/")[2]: path for path in self._unexpected_names}
        pairs = ((name, near_names(name.rpartition("/")[2], names)) for name in missing[:_NAMED])
        meant = [f"{quoted(near[0])} for {quoted(name)}" for name, near in pairs if near]
        return f" Perhaps {', '.join(meant)}." if meant else ""


def _listed(names: Sequence[str]) -> str:
    return " or ".join(quoted(name) for name in names)


def _named(names: Sequence[str], number: int) -> str:
    shown = ", ".join(quoted(name) for name in names[:_NAMED])
    return shown if number <= _NAMED else f"{shown} and {number - _NAMED:,} more"


def _verb(number: int) -> str:
    return "was" if number == 1 else "were"


def _is(number: int) -> str:
    return "is" if number == 1 else "are"
