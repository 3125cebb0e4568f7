"""What was ordered: one object each, as a list of a collection has it, and what became of the order."""

import json
from dataclasses import dataclass, fields
from datetime import date, datetime
from typing import Any, Final

from preservation.model.identifiers import ObjectId

ORDER_WITHDRAWN: Final = "the order was withdrawn"
"""How the journal begins to say so; its note has the reason."""

_ORDERED: Final = "ordered by the list "
_CHANGED: Final = "the order was changed by the list "
_NO_TERMS: Final = "nothing but the object"
_DECODER: Final = json.JSONDecoder()
_KINDS: Final = {"pages": int, "files": int, "names": list, "due": str, "vendor": str, "batch": str}
"""What each term is in JSON."""


@dataclass(frozen=True, slots=True)
class Order:
    """One object that a collection is to receive, and what its delivery has to consist of.

    ``None`` and what is empty is not agreed. ``pages`` counts the files that the policy counts as pages,
    ``files`` all files; ``names`` are the expected ones, a name with a ``/`` the whole path below the drop.
    """

    object: ObjectId
    pages: int | None = None
    files: int | None = None
    names: tuple[str, ...] = ()
    due: date | None = None
    vendor: str = ""
    batch: str = ""


@dataclass(frozen=True, slots=True)
class Withdrawal:
    """That an order does not hold any more: since when, and why."""

    at: datetime
    because: str


@dataclass(frozen=True, slots=True)
class PlacedOrder:
    """An order, when its object was first ordered, when it was changed last, and its withdrawal, if any."""

    order: Order
    placed_at: datetime
    changed_at: datetime
    withdrawal: Withdrawal | None = None


def ordered_by(source: str, *, changed: bool) -> str:
    """Return how the journal says that a list placed an order, or changed one; its note has the terms."""
    return f"{_CHANGED if changed else _ORDERED}{source}"


def states_order(detail: str) -> bool:
    """Say whether a detail of the journal is one that ``ordered_by`` wrote."""
    return detail.startswith((_ORDERED, _CHANGED))


def states_new_order(detail: str) -> bool:
    """Say whether a detail of the journal is of an order that was not there before."""
    return detail.startswith(_ORDERED)


def stated_terms(order: Order) -> str:
    """Return what was agreed of an order, as the journal has it: ``pages 12; due "2026-12-31"``."""
    terms = [
        f"{field.name} {json.dumps(_plain(value), ensure_ascii=False)}"
        for field in fields(order)[1:]
        if (value := getattr(order, field.name)) not in {None, (), ""}
    ]
    return "; ".join(terms) or _NO_TERMS


def terms_in(object_id: ObjectId, text: str) -> Order:
    """Return the order that ``stated_terms`` wrote as ``text``. Raises ``ValueError`` where it did not."""
    terms: dict[str, Any] = {}
    rest = "" if text == _NO_TERMS else text
    try:
        while rest:
            name, _, value = rest.partition(" ")
            terms[name], end = _DECODER.raw_decode(value)
            rest = value[end:].removeprefix("; ")
    except RecursionError as error:
        raise ValueError("these are no terms of an order: they are nested") from error
    strange = [name for name, value in terms.items() if type(value) is not _KINDS.get(name)]
    if strange or any(type(name) is not str for name in terms.get("names", ())):
        raise ValueError(f"these are no terms of an order: {', '.join(strange) or 'names'}")
    if "due" in terms:
        terms["due"] = date.fromisoformat(terms["due"])
    return Order(object_id, **terms | {"names": tuple(terms.get("names", ()))})


def _plain(value: object) -> object:
    return value.isoformat() if isinstance(value, date) else value
