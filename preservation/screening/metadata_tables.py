"""The check of tables of metadata against what a contract asks of them: columns, values, and rows for files.

A rule has one finding, whatever the number of rows that break it: how many they are, and the first of them.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal

from preservation.descriptions import codes
from preservation.descriptions.edtf import is_edtf
from preservation.descriptions.headings import element_of, names_a_file
from preservation.descriptions.reading import name_in, names_object
from preservation.descriptions.table import (
    NoTableError,
    Table,
    TableAllowance,
    TableLimitError,
    TableRow,
    read_table,
)
from preservation.manifests.drop_names import DropNames
from preservation.manifests.places import Places
from preservation.model.amounts import count
from preservation.model.files import SurveyedFile
from preservation.model.identifiers import ObjectName
from preservation.model.issues import Issue, IssueCode, Severity
from preservation.model.paths import RelativePath, folded, normalized, printable, quoted
from preservation.policy.globs import PathMatcher
from preservation.policy.metadata_columns import DescriptiveMetadata, MetadataColumn
from preservation.policy.name_patterns import NameMatcher

_NAMED: Final = 5
_SHOWN: Final = 80
"""So many characters of a value a message shows."""
_CORRECT: Final = "Correct the table, and drop it again."


@dataclass(frozen=True, slots=True)
class _Row:
    """A row, and what it is about: the object, a file, or nothing of the drop."""

    table: RelativePath
    line: int
    cells: list[str]
    name: str
    is_object: bool
    path: RelativePath | None

    @property
    def at(self) -> str:
        """Where it stands."""
        return f"{printable(self.table)} line {self.line}"


@dataclass(slots=True)
class _Tally:
    """How often a rule was broken, and where first."""

    table: RelativePath | None = None
    times: int = 0
    places: list[str] = field(default_factory=list)

    def add(self, table: RelativePath | None, place: str) -> None:
        self.times += 1
        if self.times == 1:
            self.table = table
        if len(self.places) < _NAMED:
            self.places.append(place)


class _Column:
    """One column of the policy, held against one cell after the other; it knows what values it has met."""

    def __init__(self, heading: str, asked: MetadataColumn, name: ObjectName) -> None:
        self.heading = heading
        self.asked = asked
        self.folded = folded(heading.strip())
        self._listed = frozenset(normalized("NFC", value) for value in asked.values)
        self._matcher = None if asked.pattern is None else NameMatcher(asked.pattern, name)
        self._level: Literal[0, 1] = 0 if asked.dates == "edtf-0" else 1
        self._met: set[str] = set()

    def is_about(self, row: _Row) -> bool:
        """Say whether something is asked here of a row."""
        match self.asked.rows:
            case "object":
                return row.is_object
            case "files":
                return row.path is not None and not row.is_object
            case _:
                return True

    def values_in(self, cells: Iterable[str]) -> list[str]:
        """Return the values in cells of this column."""
        separator = self.asked.separator
        parts = [part for cell in cells for part in ([cell] if separator is None else cell.split(separator))]
        return [part.strip() for part in parts if part.strip()]

    def faults_of(self, value: str) -> Iterator[IssueCode]:
        """Yield which rules a value breaks."""
        if self._listed and normalized("NFC", value) not in self._listed:
            yield codes.VALUE_NOT_LISTED
        if self.asked.dates is not None and not is_edtf(value, self._level):
            yield codes.NO_EDTF_DATE
        if self._matcher is not None and not self._matcher.takes_value(value):
            yield codes.VALUE_DOES_NOT_FIT
        if self.asked.unique:
            if value in self._met:
                yield codes.VALUE_REPEATED
            self._met.add(value)

    def sentence(self, code: IssueCode, times: int) -> tuple[str, str]:
        """Say of so many values that they break a rule, and what to do."""
        asked, called = self.asked, f"the column {quoted(self.heading)}"
        is_one = times == 1
        values = f"{count(times, 'value')} of {called} {'is' if is_one else 'are'}"
        match code:
            case codes.NO_COLUMN:
                tables = f"{count(times, 'table')} {'has' if is_one else 'have'}"
                return f"{tables} no column {quoted(self.heading)}", "Add the column, and drop it again."
            case codes.NO_VALUE:
                rows = f"{count(times, 'row')} {'has' if is_one else 'have'}"
                return f"{rows} no value in {called}", "Fill it in, and drop it again."
            case codes.VALUE_NOT_LISTED:
                more = " …" if len(asked.values) > _NAMED else ""
                listed = ", ".join(map(quoted, asked.values[:_NAMED]))
                return (
                    f"{values} none that the policy lists",
                    f"Take one of {listed}{more}; then drop it again.",
                )
            case codes.NO_EDTF_DATE:
                written = "1901, 1901-05, 1901-05-31 or 1901/1905"
                written += ", if they are not certain 1901? or 190X" if self._level else ""
                return f"{values} no date of EDTF (level {self._level})", f"Write dates like {written}."
            case codes.VALUE_DOES_NOT_FIT:
                return f"{values} not like {asked.pattern}", _CORRECT
            case _:
                return f"{values} in another row, too", _CORRECT


class MetadataCheck:
    """Reads the tables of a drop once all of its files are known, each row twice.

    Memory holds the tables one after the other, which are limited, the files that they name, and values that
    may stand only once.
    """

    def __init__(self, screen: DescriptiveMetadata, name: ObjectName, root: Path) -> None:
        self._screen = screen
        self._name = name
        self._root = root
        self._paths = PathMatcher(screen.paths)
        self._tables: list[RelativePath] = []
        self._columns = [_Column(heading, asked, name) for heading, asked in screen.columns.items()]
        self._of_columns: dict[tuple[int, IssueCode], _Tally] = {}
        self._of_rows: dict[IssueCode, _Tally] = {}
        self._described: set[RelativePath] = set()
        self._has_object = False

    def look(self, file: SurveyedFile) -> Iterator[Issue]:
        """Note where the tables are. Nothing is wrong with a file before they are read."""
        if self._paths.matches(file.path):
            self._tables.append(file.path)
        yield from ()

    def close(self, surveyed: Iterable[SurveyedFile]) -> Iterator[Issue]:
        """Yield what is wrong with the tables, and which files have no row. Raises ``OSError``."""
        if not self._tables:
            wanted = ", ".join(self._screen.paths)
            yield self._issue(
                codes.NO_METADATA,
                f"The drop has no table of metadata ({wanted}).",
                "Add it, and drop it again; muniment metadata template prints an example.",
            )
            return
        names, allowance = DropNames(self._root), TableAllowance()
        for path in self._tables:
            try:
                table = read_table(self._root, path, allowance)
                self._read(table, path, Places(self._root, path, names))
            except (TableLimitError, NoTableError) as failure:
                self._tally(codes.TABLE_NOT_CHECKED).add(
                    path, f"{printable(path)} ({printable(str(failure))})"
                )
        if codes.TABLE_NOT_CHECKED not in self._of_rows:
            # Of a table that was not read to its end nobody knows which rows it has.
            self._look_for_rows(surveyed)
        yield from self._found()

    def _look_for_rows(self, surveyed: Iterable[SurveyedFile]) -> None:
        if self._screen.object_row and not self._has_object:
            self._tally(codes.OBJECT_WITHOUT_ROW).add(self._tables[0], quoted(self._name))
        needs_row = PathMatcher(self._screen.row_for)
        for file in surveyed if self._screen.row_for else ():
            if needs_row.matches(file.path) and file.path not in self._described:
                self._tally(codes.FILE_WITHOUT_ROW).add(None, printable(file.path))

    def _read(self, table: Table, path: RelativePath, places: Places) -> None:
        columns = [
            [
                number
                for number, heading in enumerate(table.headings)
                if folded(heading.strip()) == column.folded
            ]
            for column in self._columns
        ]
        for number, there in enumerate(columns):
            if not there:
                self._of_column(number, codes.NO_COLUMN).add(path, printable(path))
        for row in self._rows(table, path, places):
            self._look_at(row)
            for number, column in enumerate(self._columns):
                if columns[number] and column.is_about(row):
                    self._hold(
                        number, row, [row.cells[one] for one in columns[number] if one < len(row.cells)]
                    )

    def _rows(self, table: Table, path: RelativePath, places: Places) -> Iterator[_Row]:
        headings = list(enumerate(table.headings))
        of_names = [number for number, heading in headings if names_a_file(heading)]
        of_object = [*of_names, *(number for number, one in headings if element_of(one) == "identifier")]
        places.settle(name_in(row.cells, of_names) for row in table.rows())
        # Of a table that names nothing the only row is about the object.
        is_alone = not of_names and _are_few(table.rows())
        for row in table.rows():
            name = name_in(row.cells, of_names)
            place = places.of(name) if name else None
            is_object = is_alone or names_object(row.cells, of_object, self._name)
            yield _Row(path, row.line, row.cells, name, is_object, None if place is None else place.path)

    def _look_at(self, row: _Row) -> None:
        is_again = (row.is_object and self._has_object) or row.path in self._described
        self._has_object = self._has_object or row.is_object
        if row.path is not None:
            self._described.add(row.path)
        shown = f"{row.at} ({quoted(row.name[:_SHOWN])})" if row.name else row.at
        if is_again:
            self._tally(codes.ROW_REPEATED).add(row.table, shown)
        elif row.path is None and not row.is_object:
            self._tally(codes.ROW_ABOUT_NOTHING).add(row.table, shown)

    def _hold(self, number: int, row: _Row, cells: list[str]) -> None:
        column = self._columns[number]
        values = column.values_in(cells)
        if not values and column.asked.required:
            self._of_column(number, codes.NO_VALUE).add(row.table, row.at)
        for value in values:
            for code in column.faults_of(value):
                self._of_column(number, code).add(row.table, f"{row.at} ({quoted(value[:_SHOWN])})")

    def _found(self) -> Iterator[Issue]:
        for code, tally in self._of_rows.items():
            words, next_step = _WORDS[code]
            is_one = tally.times == 1
            rows = f"{count(tally.times, 'row')} {'is' if is_one else 'are'}"
            files = f"{count(tally.times, 'file')} {'has' if is_one else 'have'}"
            said = words.format(rows=rows, files=files)
            yield self._listed(code, tally, said, next_step)
        for (number, code), tally in self._of_columns.items():
            column = self._columns[number]
            # What may be left out is told all the same: of such a column nothing was looked at.
            severity = Severity.INFO if code == codes.NO_COLUMN and not column.asked.required else None
            yield self._listed(code, tally, *column.sentence(code, tally.times), severity=severity)

    def _listed(
        self, code: IssueCode, tally: _Tally, words: str, next_step: str, *, severity: Severity | None = None
    ) -> Issue:
        more = " …" if tally.times > len(tally.places) else ""
        message = f"{words}: {', '.join(tally.places)}{more}."
        return self._issue(code, message, next_step, path=tally.table, severity=severity)

    def _issue(
        self,
        code: IssueCode,
        message: str,
        next_step: str,
        *,
        path: RelativePath | None = None,
        severity: Severity | None = None,
    ) -> Issue:
        screen = self._screen
        return Issue(code, severity or screen.outcome.severity, message, path, next_step, screen.because)

    def _tally(self, code: IssueCode) -> _Tally:
        return self._of_rows.setdefault(code, _Tally())

    def _of_column(self, number: int, code: IssueCode) -> _Tally:
        return self._of_columns.setdefault((number, code), _Tally())


def _are_few(rows: Iterator[TableRow]) -> bool:
    return next(rows, None) is not None and next(rows, None) is None


_WORDS: Final[dict[IssueCode, tuple[str, str]]] = {
    codes.TABLE_NOT_CHECKED: (
        "What the policy asks of metadata could not be looked at in a table",
        "Save it as CSV in UTF-8, with its quotes closed; then drop it again.",
    ),
    codes.ROW_REPEATED: ("{rows} about what an earlier row is about", "Take out the row that is not meant."),
    codes.ROW_ABOUT_NOTHING: (
        "{rows} about neither the object nor a file of the drop",
        "See whether these files are missing, or the names in the table are wrong.",
    ),
    codes.OBJECT_WITHOUT_ROW: (
        "No row of the metadata is about the object",
        "Have a row whose filename is the object's name or '.'; then drop it again.",
    ),
    codes.FILE_WITHOUT_ROW: ("{files} no row in the metadata", "Add a row for each of them."),
}
