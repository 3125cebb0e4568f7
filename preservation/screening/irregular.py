"""What is in a drop and is no file that a bag can hold."""

from __future__ import annotations

from preservation.model.files import EntryKind, IrregularEntry
from preservation.model.issues import Issue, IssueCode, Severity
from preservation.model.paths import printable
from preservation.policy.screens import IrregularEntries
from preservation.screening import codes

_WORDS: dict[EntryKind, tuple[IssueCode, str, str]] = {
    EntryKind.SYMLINK: (
        codes.NOT_A_FILE,
        "is a symbolic link, which a bag cannot hold",
        "Put the file itself in its place, or remove the link; then drop it again.",
    ),
    EntryKind.DEVICE: (
        codes.NOT_A_FILE,
        "is no file",
        "Remove it, then drop it again.",
    ),
    EntryKind.UNREADABLE: (
        codes.UNREADABLE,
        "cannot be read",
        "Make it readable or copy it again from where it came from; then drop it again.",
    ),
    EntryKind.UNNAMEABLE: (
        codes.UNNAMEABLE,
        "has a name that is not UTF-8, and a bag names its files in UTF-8",
        "Find out in which encoding the name was written and convert it (convmv does); then drop it again.",
    ),
    EntryKind.CHANGED: (
        codes.CHANGED,
        "changed while it was read",
        "Wait until nobody writes to it any more; then drop it again.",
    ),
    EntryKind.EMPTY_FOLDER: (
        codes.EMPTY_FOLDER,
        "is an empty folder, which a bag cannot hold: it is not kept",
        "Put a file into it if it matters that it was there.",
    ),
}


def issue_about(entry: IrregularEntry, screen: IrregularEntries | None) -> Issue:
    """Return the issue. It is an error whatever the policy says, but for empty folders."""
    code, words, next_step = _WORDS[entry.kind]
    severity = Severity.WARNING if entry.kind is EntryKind.EMPTY_FOLDER else Severity.ERROR
    detail = f" ({entry.detail})" if entry.detail else ""
    because = screen.because if screen is not None else ""
    return Issue(code, severity, f"{printable(entry.path)} {words}{detail}.", entry.path, next_step, because)
