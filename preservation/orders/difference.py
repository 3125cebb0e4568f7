"""How a list differs from what is ordered already."""

from collections.abc import Iterable
from dataclasses import dataclass

from preservation.model.orders import Order, PlacedOrder


@dataclass(frozen=True, slots=True)
class OrderChange:
    """One object of which a list says something else than before. ``before`` is ``None``: it is new."""

    order: Order
    before: Order | None = None


@dataclass(frozen=True, slots=True)
class ListDifference:
    """What importing a list means.

    ``new`` were not ordered, or withdrawn; ``unlisted`` are ordered, and the list does not have them.
    """

    new: tuple[OrderChange, ...] = ()
    changed: tuple[OrderChange, ...] = ()
    unchanged: int = 0
    unlisted: tuple[Order, ...] = ()


def difference_of(listed: Iterable[Order], placed: Iterable[PlacedOrder]) -> ListDifference:
    """Return how a list differs from what is ordered, in the order of the list."""
    before = {one.order.object: one.order for one in placed if one.withdrawal is None}
    new: list[OrderChange] = []
    changed: list[OrderChange] = []
    unchanged = 0
    for order in listed:
        known = before.pop(order.object, None)
        if known is None:
            new.append(OrderChange(order))
        elif known != order:
            changed.append(OrderChange(order, known))
        else:
            unchanged += 1
    return ListDifference(tuple(new), tuple(changed), unchanged, tuple(before.values()))
