"""The job of a list of orders that is a workbook (xlsx), in a caged worker: the cells of its first sheet."""

import hashlib
import io
import re
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime, time
from typing import Any, BinaryIO, Final

import msgspec
from defusedxml.ElementTree import iterparse
from openpyxl import load_workbook
from openpyxl.cell.read_only import ReadOnlyCell

from preservation.model.amounts import count
from preservation.model.paths import quoted
from preservation.orders.exchange import MOST_COLUMNS, MOST_ROWS, ListFault, ListRow, ReadList, column_letters
from preservation.tools.work import Json

LARGEST_WORKBOOK: Final = 16 << 20
"""Bytes of a workbook as it is packed."""
MOST_UNPACKED: Final = 256 << 20
"""Bytes of all its parts. Members are read to the sizes that their list states, and no further."""
_MOST_FAULTS: Final = 1_000

_SHEET: Final = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"
_PLAIN_NUMBERS: Final = frozenset({"General", "0", "#,##0", "@"})
_PADDED: Final = re.compile(r"0{2,32}")


class _FaultyCellError(Exception):
    """A cell has no value that can be taken as it is seen. The message says why."""


def read_workbook(arguments: Mapping[str, Json], inputs: Sequence[BinaryIO], _: Sequence[BinaryIO]) -> Json:
    """Read the one input. ``date_form`` is how days are written in what is returned, as ``strftime`` does."""
    content = inputs[0].read(LARGEST_WORKBOOK + 1)
    read = _read(content, arguments["date_form"])
    return msgspec.to_builtins(msgspec.structs.replace(read, digest=hashlib.sha256(content).hexdigest()))


def _read(content: bytes, date_form: str) -> ReadList:
    source = io.BytesIO(content)
    if len(content) > LARGEST_WORKBOOK:
        return _refused(f"it is larger than {LARGEST_WORKBOOK >> 20} MiB; import it in parts")
    try:
        with zipfile.ZipFile(source) as parts:
            unpacked = sum(part.file_size for part in parts.infolist())
    except zipfile.BadZipFile:
        return _refused("it is no workbook (xlsx); save it as one, or as CSV UTF-8")
    if unpacked > MOST_UNPACKED:
        return _refused(f"it unpacks to more than {MOST_UNPACKED >> 20} MiB; import it in parts")
    source.seek(0)
    book = load_workbook(source, read_only=True, keep_links=False)
    shown = [sheet for sheet in book.worksheets if sheet.sheet_state == "visible"]
    if not shown:
        return _refused("it has no sheet that is shown")
    sheet = shown[0]
    form = f"workbook, sheet {quoted(sheet.title)}"
    if len(book.sheetnames) > 1:
        form += f"; {count(len(book.sheetnames) - 1, 'other sheet')} not read"
    # openpyxl passes over rows that come out of turn, and has no merged cells where it reads row by row.
    with book._archive.open(sheet._worksheet_path) as part:  # noqa: SLF001  it names the part nowhere else
        faults = _faults_of_layout(part)
    # What the file says of its own size is not believed.
    sheet.reset_dimensions()
    return _rows(form, sheet.iter_rows(), date_form, faults)


def _faults_of_layout(part: BinaryIO) -> list[ListFault]:
    """Return what makes it unclear which row or column a value belongs to."""
    faults: list[ListFault] = []
    last = 0
    for _, element in iterparse(part):
        if element.tag == f"{_SHEET}row":
            number = int(element.get("r", last + 1))
            if number <= last:
                faults.append(ListFault(number, "", f"it comes after row {last}: the workbook is damaged"))
            last = max(last, number)
            element.clear()
        elif element.tag == f"{_SHEET}mergeCell":
            cells = str(element.get("ref", ""))[:40]
            faults.append(ListFault(0, "", f"the cells {cells} are merged; unmerge them, and fill in each"))
        if len(faults) >= _MOST_FAULTS:
            break
    return faults


def _rows(
    form: str, rows: Iterator[Sequence[ReadOnlyCell]], date_form: str, faults: list[ListFault]
) -> ReadList:
    found: list[ListRow] = []
    for number, row in enumerate(rows, 1):
        cells = [""] * len(row)
        for index, cell in enumerate(row):
            try:
                cells[index] = _text_of(cell, date_form)
            except _FaultyCellError as fault:
                faults.append(ListFault(number, column_letters(index), str(fault)))
        filled = max((index for index, cell in enumerate(cells, 1) if cell.strip()), default=0)
        if filled > MOST_COLUMNS:
            return _refused(f"it has more than {MOST_COLUMNS} columns", number)
        if filled:
            found.append(ListRow(number, tuple(cells[:filled])))
        if len(found) > MOST_ROWS:
            return _refused(f"it has more than {MOST_ROWS:,} rows; import it in parts")
        if len(faults) >= _MOST_FAULTS:
            break
    return ReadList(form, (), tuple(faults)) if faults else ReadList(form, tuple(found))


def _text_of(cell: Any, date_form: str) -> str:  # noqa: ANN401  openpyxl has no types
    """Return what a cell shows. Raises ``_FaultyCellError`` where that is not certain."""
    value = cell.value
    if cell.data_type == "f":
        raise _FaultyCellError("it is a formula; put the value itself there")
    if cell.data_type == "e":
        raise _FaultyCellError(f"it has the error {quoted(str(value)[:40])}; put a value there")
    match value:
        case None:
            return ""
        case str():
            return value
        case bool():
            return str(value).upper()
        case int() | float():
            return _number_shown(value, str(cell.number_format))
        case datetime() if value.time() == time():
            return value.strftime(date_form)
        case date() if not isinstance(value, datetime):
            return value.strftime(date_form)
        case _:
            raise _FaultyCellError("it is a time, and not a day")


def _number_shown(value: float, number_format: str) -> str:
    is_whole = float(value).is_integer()
    if _PADDED.fullmatch(number_format) and is_whole:
        return f"{int(value):0{len(number_format)}}"
    if number_format not in _PLAIN_NUMBERS:
        shown = quoted(number_format[:40])
        raise _FaultyCellError(f"the number {value} is shown by the format {shown}; put it there as text")
    return str(int(value) if is_whole else value)


def _refused(sentence: str, row: int = 0) -> ReadList:
    return ReadList("", (), (ListFault(row, "", sentence),))
