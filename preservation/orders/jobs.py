"""The job of a list of orders, in a caged worker: the cells of a CSV file, in UTF-8 and nothing else."""

import csv
import hashlib
import io
from collections.abc import Mapping, Sequence
from typing import BinaryIO, Final

import msgspec

from preservation.orders.exchange import MOST_COLUMNS, MOST_ROWS, ListFault, ListRow, ReadList
from preservation.tools.work import Json

LARGEST_LIST: Final = 4 << 20
"""Bytes of a list in CSV."""

_SEPARATORS: Final = {"comma": ",", "semicolon": ";", "tab": "\t"}
_BOM: Final = b"\xef\xbb\xbf"
_NOT_UTF8: Final = {
    b"\xff\xfe": "UTF-16",
    b"\xfe\xff": "UTF-16",
    b"PK": "a zip file, as workbooks (.xlsx) are",
}


def read_csv(arguments: Mapping[str, Json], inputs: Sequence[BinaryIO], _: Sequence[BinaryIO]) -> Json:
    """Read the one input. ``separator`` is what the policy names, ``""`` where it is to be found out."""
    content = inputs[0].read(LARGEST_LIST + 1)
    read = _read(content, arguments["separator"])
    return msgspec.to_builtins(msgspec.structs.replace(read, digest=hashlib.sha256(content).hexdigest()))


def _read(content: bytes, separator: str) -> ReadList:
    if len(content) > LARGEST_LIST:
        return _fault(f"it is larger than {LARGEST_LIST >> 20} MiB; import it in parts")
    for begin, kind in _NOT_UTF8.items():
        if content.startswith(begin):
            return _fault(f"it is {kind}, and not CSV in UTF-8; save it as CSV UTF-8")
    content = content.removeprefix(_BOM)
    try:
        text = content.decode()
    except UnicodeDecodeError as error:
        row = content.count(b"\n", 0, error.start) + 1
        byte = error.start - (content.rfind(b"\n", 0, error.start) + 1) + 1
        return _fault(
            f"byte {byte} of the line, 0x{content[error.start]:02X}, is not UTF-8; save it as CSV UTF-8", row
        )
    if "\0" in text:
        return _fault("it is not text", text.count("\n", 0, text.index("\0")) + 1)
    taken = separator or _found_separator(text)
    return _rows(text, taken)


def _found_separator(text: str) -> str:
    """Return the separator that the line of the headings has most of; a comma where it has none."""
    first = next((line for line in io.StringIO(text) if line.strip()), "")
    return max(_SEPARATORS, key=lambda name: first.count(_SEPARATORS[name]))


def _rows(text: str, separator: str) -> ReadList:
    form = f"CSV, separated by {separator}s"
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=_SEPARATORS[separator], strict=True)
    rows: list[ListRow] = []
    begins = 1
    try:
        for cells in reader:
            if any(map(str.strip, cells)):
                rows.append(ListRow(begins, tuple(cells)))
            if len(rows) > MOST_ROWS:
                return _fault(f"it has more than {MOST_ROWS:,} rows; import it in parts")
            if len(cells) > MOST_COLUMNS:
                return _fault(f"it has more than {MOST_COLUMNS} columns", begins)
            # A cell may hold line breaks: a row is named by the line that it begins on.
            begins = reader.line_num + 1
    except csv.Error as error:
        return _fault(f"it is no row of CSV: {error}", begins)
    return ReadList(form, tuple(rows))


def _fault(sentence: str, row: int = 0) -> ReadList:
    return ReadList("", (), (ListFault(row, "", sentence),))
