"""Lists of orders as tests write them, read as the cage reads them."""

from __future__ import annotations

import io

import msgspec

from preservation.model.identifiers import CollectionName
from preservation.orders.exchange import ReadList
from preservation.orders.jobs import read_csv
from preservation.orders.reading import ListedOrders, read_orders
from preservation.policy.orders import Ordering

MANUSCRIPTS = CollectionName("manuscripts")


def read_as_csv(content: bytes, separator: str = "") -> ReadList:
    """What the caged job tells of a list."""
    told = read_csv({"separator": separator}, [io.BytesIO(content)], [])
    return msgspec.convert(told, ReadList)


def orders_in(text: str | bytes, **ordering: object) -> ListedOrders:
    """What a list orders, by a policy whose ``[order]`` says that."""
    content = text if isinstance(text, bytes) else text.encode()
    return read_orders(read_as_csv(content), MANUSCRIPTS, Ordering.model_validate(ordering))


def faults_of(listed: ListedOrders) -> list[str]:
    """The faults, each with its place."""
    return [f"{fault.place}: {fault.sentence}" for fault in listed.faults]
