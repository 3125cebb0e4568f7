"""Issues about tables of metadata: what was not read, and what they say of no file."""

from collections.abc import Iterable
from typing import Final

from preservation.descriptions import codes
from preservation.model import amounts
from preservation.model.issues import Issue, Severity
from preservation.model.paths import RelativePath, printable, quoted

NAMED: Final = 5
"""How many rows or files an issue about many of them names."""
SHOWN: Final = 200
"""So many characters of a cell a message shows."""


def too_large(path: RelativePath, reason: str) -> Issue:
    """Say that a table goes beyond what is read."""
    message = f"{quoted(path)} is not read for the description of the object: {reason}."
    next_step = "Make it smaller; or approve the drop, and the file is kept and described nowhere."
    return Issue(codes.TOO_LARGE, Severity.QUESTION, message, path, next_step)


def no_table(path: RelativePath, reason: str) -> Issue:
    """Say that a file is no table that can be read."""
    message = f"{quoted(path)} is not read for the description of the object: {printable(reason)}."
    next_step = "Save it as CSV in UTF-8 if the package is to say what stands in it."
    return Issue(codes.NO_TABLE, Severity.WARNING, message, path, next_step)


def encoding_guessed(path: RelativePath, example: str) -> Issue:
    """Say that a table is not in Unicode, and how it was read."""
    shown = f": {quoted(example)}" if example else ""
    message = f"{quoted(path)} is not UTF-8; it was read as Windows-1252{shown}."
    next_step = "See whether letters with accents are right here; if not, save it as CSV UTF-8."
    return Issue(codes.ENCODING_GUESSED, Severity.WARNING, message, path, next_step)


def says_nothing(path: RelativePath, reason: str, name: str) -> Issue:
    """Say that a table was read, and that nothing of it describes the object or a file."""
    message = f"{quoted(path)} says nothing about this drop: {reason}."
    next_step = (
        f"Have a row whose filename is {quoted(name)} or '.', or that of a file, and a column dc.title; "
        "muniment metadata template prints an example."
    )
    return Issue(codes.SAYS_NOTHING, Severity.WARNING, message, path, next_step)


def rows_without_file(path: RelativePath, count: int, examples: Iterable[str]) -> Issue:
    """Say that rows name no file of the drop."""
    subject = "1 row of" if count == 1 else f"{count:,} rows of"
    verb = "names" if count == 1 else "name"
    message = (
        f"{subject} {quoted(path)} {verb} neither the object nor a file of the drop: "
        f"{', '.join(map(printable, examples))}{' …' if count > NAMED else ''}."
    )
    next_step = "See whether these files are missing, or the names in the table are wrong."
    return Issue(codes.ROWS_WITHOUT_FILE, Severity.WARNING, message, path, next_step)


def files_without_row(path: RelativePath, count: int, examples: Iterable[RelativePath]) -> Issue:
    """Say that files have no row, though other files have one."""
    verb = "has" if count == 1 else "have"
    message = (
        f"{amounts.count(count, 'file')} of the drop {verb} no row in {quoted(path)}: "
        f"{', '.join(quoted(one) for one in examples)}{' …' if count > NAMED else ''}."
    )
    next_step = "Add a row for each file that is to be described."
    return Issue(codes.FILES_WITHOUT_ROW, Severity.WARNING, message, path, next_step)
