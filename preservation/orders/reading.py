"""What the rows of a list order: every fault of every row, and the orders where there is none."""

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Final, TypeVar

from preservation.files.spreadsheet import begins_as_formula
from preservation.model.amounts import count
from preservation.model.identifiers import CollectionName, ObjectId, object_name
from preservation.model.orders import Order
from preservation.model.paths import fault_of_path, folded, quoted
from preservation.orders.exchange import ListFault, ListRow, ReadList, column_letters
from preservation.policy.orders import DateForm, OrderColumns, Ordering

_Value = TypeVar("_Value")

DATES: Final = {
    DateForm.ISO: "%Y-%m-%d",
    DateForm.DOTS: "%d.%m.%Y",
    DateForm.DAY_FIRST: "%d/%m/%Y",
    DateForm.MONTH_FIRST: "%m/%d/%Y",
}
"""How each form of dates is read, as ``strptime`` has it."""
_NUMBER: Final = re.compile(r"[0-9]{1,7}")
_BETWEEN_NAMES: Final = re.compile(r"[|\r\n]")
_SHOWN: Final = 80
_LONGEST: Final = 200
"""Characters of the name of a vendor or a batch."""


@dataclass(frozen=True, slots=True)
class ListedOrders:
    """What a list orders; nothing where there are ``faults``. ``unread`` are headings of other columns.

    ``digest`` is the SHA-256 of the list.
    """

    form: str
    orders: tuple[Order, ...] = ()
    faults: tuple[ListFault, ...] = ()
    unread: tuple[str, ...] = ()
    digest: str = ""


def read_orders(read: ReadList, collection: CollectionName, ordering: Ordering) -> ListedOrders:
    """Return what the rows of a list order of ``collection``, or everything that is wrong with them."""
    if read.faults:
        return ListedOrders(read.form, faults=read.faults)
    if not read.rows:
        return ListedOrders(read.form, faults=(ListFault(0, "", "there is nothing in it"),))
    headings, *rows = read.rows
    columns, faults = _columns_of(headings, ordering.columns)
    if not faults and not rows:
        faults = (ListFault(headings.number, "", "there is no row below the headings"),)
    if faults:
        return ListedOrders(read.form, faults=faults)
    table = _Table(collection, ordering.dates, columns)
    orders = tuple(table.read(rows))
    taken = {index for index, _ in columns.values()}
    unread = tuple(
        cell.strip() for index, cell in enumerate(headings.cells) if index not in taken and cell.strip()
    )
    if table.faults:
        return ListedOrders(read.form, (), tuple(table.faults), unread)
    return ListedOrders(read.form, orders, (), unread, read.digest)


_Columns = Mapping[str, tuple[int, str]]
"""By what it says of an order: the column, and what it is called."""


def _columns_of(headings: ListRow, wanted: OrderColumns) -> tuple[_Columns, tuple[ListFault, ...]]:
    asked = {folded(heading.strip()): name for name, heading in wanted.model_dump().items()}
    found: dict[str, tuple[int, str]] = {}
    faults: list[ListFault] = []
    for index, cell in enumerate(headings.cells):
        name = asked.get(folded(cell.strip()))
        title = f"{column_letters(index)} {quoted(cell.strip()[:_SHOWN])}"
        if name in found:
            faults.append(ListFault(headings.number, title, f"column {found[name][1]} has this heading too"))
        elif name is not None:
            found[name] = (index, title)
    if "object" not in found:
        shown = ", ".join(quoted(cell.strip()[:_SHOWN]) for cell in headings.cells[:10] if cell.strip())
        faults.append(
            ListFault(
                headings.number,
                "",
                f"no column is headed {quoted(wanted.object)}, which names the object; it has {shown}. Name "
                "the headings in [order] columns of the policy",
            )
        )
    return found, tuple(faults)


@dataclass(slots=True)
class _Table:
    """Reads rows, and collects what is wrong with them."""

    collection: CollectionName
    dates: DateForm
    columns: _Columns
    faults: list[ListFault] = field(default_factory=list)
    _rows: dict[str, int] = field(default_factory=dict)

    def read(self, rows: Sequence[ListRow]) -> Iterator[Order]:
        """Yield the order of each row that has no fault."""
        for row in rows:
            before = len(self.faults)
            order = self._order(row)
            if order is not None and len(self.faults) == before:
                yield order

    def _order(self, row: ListRow) -> Order | None:
        name = self._value(row, "object", object_name)
        pages, files = (self._value(row, column, _number) for column in ("pages", "files"))
        names = self._value(row, "names", _names) or ()
        due = self._value(row, "due", self._date)
        vendor, batch = (self._value(row, column, _words) or "" for column in ("vendor", "batch"))
        if name is None:
            if not _cell(row, self.columns["object"][0]):
                self._add(row, "object", "it names no object")
            return None
        first = self._rows.setdefault(folded(name), row.number)
        if first != row.number:
            self._add(row, "object", f"{quoted(name)} is ordered in row {first} already")
        if files is not None and len(names) > files:
            self._add(row, "names", f"it has {count(len(names), 'name')} for {count(files, 'file')}")
        return Order(ObjectId(self.collection, name), pages, files, names, due, vendor, batch)

    def _value(self, row: ListRow, column: str, read: Callable[[str], _Value]) -> _Value | None:
        """Return the value of a cell; ``None`` where the cell is empty or there is no such column."""
        place = self.columns.get(column)
        cell = "" if place is None else _cell(row, place[0])
        if not cell:
            return None
        try:
            return read(_value_itself(cell))
        except ValueError as error:
            self._add(row, column, str(error))
            return None

    def _add(self, row: ListRow, column: str, sentence: str) -> None:
        self.faults.append(ListFault(row.number, self.columns[column][1], sentence))

    def _date(self, cell: str) -> date:
        try:
            return datetime.strptime(cell, DATES[self.dates]).date()  # noqa: DTZ007  a day has no zone
        except ValueError as error:
            raise ValueError(
                f"{quoted(cell[:_SHOWN])} is no day written {self.dates.value}; [order] dates of the policy "
                "says how they are written"
            ) from error


def _cell(row: ListRow, index: int) -> str:
    return row.cells[index].strip() if index < len(row.cells) else ""


def _value_itself(cell: str) -> str:
    if begins_as_formula(cell):
        raise ValueError(f"{quoted(cell[:_SHOWN])} would be a formula; put the value itself there")
    return cell


def _number(cell: str) -> int:
    if _NUMBER.fullmatch(cell) is None or not int(cell):
        raise ValueError(
            f"{quoted(cell[:_SHOWN])} is no number of files; write 1 to 9999999, or leave it empty"
        )
    return int(cell)


def _words(cell: str) -> str:
    if not cell.isprintable() or len(cell) > _LONGEST:
        raise ValueError(f"{quoted(cell[:_SHOWN])} is not one line of at most {_LONGEST} characters")
    return cell


def _names(cell: str) -> tuple[str, ...]:
    names = tuple(name for one in _BETWEEN_NAMES.split(cell) if (name := one.strip()))
    for name in names:
        fault = fault_of_path(name)
        if fault is not None:
            raise ValueError(f"{quoted(name[:_SHOWN])} can name no file: {fault}")
    [(most, times)] = Counter(names).most_common(1) or [("", 0)]
    if times > 1:
        raise ValueError(f"it has the name {quoted(most[:_SHOWN])} more than once")
    return names
