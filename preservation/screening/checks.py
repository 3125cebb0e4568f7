"""The checks that need nothing but what the survey found: the size, the format, the name.

Each takes the policy's screen and the rules of the configured stores, and returns a function that yields the
issues of one file after the other without opening it. To add such a screen, add it to ``SURFACE_CHECKS``.
"""

import unicodedata
from collections.abc import Callable, Iterator
from typing import Any, Final, TypeAlias

from preservation.identification.deciding import DISAGREEMENT
from preservation.model import layout
from preservation.model.files import EntryKind, IrregularEntry, SurveyedFile
from preservation.model.issues import Issue, IssueCode, Severity
from preservation.model.name_rules import NameRules
from preservation.model.paths import RelativePath, folded, printable, quoted
from preservation.policy import screens
from preservation.policy.globs import PathMatcher
from preservation.policy.image_specification import ImageSpecification
from preservation.policy.schema import Policy
from preservation.policy.screen_tables import ScreenTable
from preservation.screening import codes
from preservation.screening.image_specification import format_issues
from preservation.screening.report_issues import Subject

SurfaceCheck: TypeAlias = Callable[[SurveyedFile], Iterator[Issue]]
"""One check of one submission. It may remember what it saw, as names that collide must be."""


class _NameLedger:
    """Remembers every name of a drop, without differences of case and normalization.

    About 300 bytes a name, however deep it lies: what this costs for a hundred thousand files is measured in
    the tests. A place is the number of a folder and a name in it, ``12/scan.tif``; no path is held.
    """

    def __init__(self) -> None:
        # Without differences, the place of each name, and the one where it was met last, as it is spelled.
        self._met: dict[str, str] = {}
        self._alike: dict[str, int] = {}
        # As they are spelled: the number of each folder, and its place by that number.
        self._spelled: dict[str, int] = {}
        self._places = [""]
        # The way down to the folder of the last path: its names, and both numbers of each folder.
        self._folder = ""
        self._way: list[str] = []
        self._numbers = [(0, 0)]

    def twins_of(self, path: RelativePath) -> Iterator[tuple[str, str]]:
        """Enter ``path``; yield its name, and that of each folder above, with an earlier name that collides.

        Two names collide that differ only in case, or only in how their accents are spelled. Both are paths
        from the root of the drop. A folder's is reported once, not again for every file in the folder.
        """
        folder, _, name = path.rpartition("/")
        if folder != self._folder:
            yield from self._go_to(folder)
        _, place, earlier = self._meet(name)
        if earlier != place:
            yield path, self._path(earlier)

    def _go_to(self, folder: str) -> Iterator[tuple[str, str]]:
        names = folder.split("/") if folder else []
        same = next(
            (depth for depth, (new, old) in enumerate(zip(names, self._way, strict=False)) if new != old),
            min(len(names), len(self._way)),
        )
        del self._way[same:], self._numbers[same + 1 :]
        for name in names[same:]:
            key, place, earlier = self._meet(name)
            if earlier != place:
                yield self._path(place), self._path(earlier)
            spelled = self._spelled.setdefault(place, len(self._places))
            if spelled == len(self._places):
                self._places.append(place)
            self._way.append(name)
            self._numbers.append((spelled, self._alike.setdefault(key, len(self._alike) + 1)))
        self._folder = folder

    def _meet(self, name: str) -> tuple[str, str, str]:
        """Return the place of ``name`` without differences, as it is spelled, and as it was met before."""
        spelled, alike = self._numbers[-1]
        place, key = f"{spelled}/{name}", f"{alike}/{folded(name)}"
        # Most names are written in lower case: one string serves as both, and memory is halved.
        key = place if key == place else key
        earlier = self._met.get(key, place)
        # The folder's own spelling is what the next file below it is compared with.
        self._met[key] = place
        return key, place, earlier

    def _path(self, place: str) -> str:
        names = []
        while place:
            number, _, name = place.partition("/")
            names.append(name)
            place = self._places[int(number)]
        return "/".join(reversed(names))


class _OddFolders:
    """Finds names that end with a dot or a space; of a folder once, not again for every file in it."""

    def __init__(self) -> None:
        self._last = "/"

    def odd_names_in(self, path: RelativePath) -> Iterator[str]:
        """Yield the outermost such folder of ``path``, where it is another than before, and such a file."""
        *above, name = path.split("/")
        odd = next((depth for depth, folder in enumerate(above, 1) if _ends_oddly(folder)), 0)
        folder = "/".join(above[:odd])
        if odd and folder != self._last:
            self._last = folder
            yield folder
        if _ends_oddly(name):
            yield name


def _ends_oddly(name: str) -> bool:
    return name.endswith((".", " "))


_EXTENSION_MISMATCH = "extension mismatch"
"""What siegfried remarks where the extension is none that PRONOM knows for the format."""


def _names(screen: screens.PortableNames, name_rules: tuple[NameRules, ...]) -> SurfaceCheck:
    ledger = _NameLedger()
    folders = _OddFolders()

    def issues_about(file: SurveyedFile) -> Iterator[Issue]:
        subject = Subject.under(file.path, screen)
        for name, earlier in ledger.twins_of(file.path):
            code, difference = codes.TWINS_BY_CASE, "upper and lower case"
            if unicodedata.normalize("NFC", name) == unicodedata.normalize("NFC", earlier):
                code, difference = codes.TWINS_BY_SPELLING, "how Unicode spells their accents"
            which = f"its folder {printable(name)}" if name != file.path else "its name"
            yield subject.issue(
                code,
                f"collides with {printable(earlier)}: {which} differs from that only in {difference}, "
                "and on many computers one would take the other's place",
                "Both are kept as they are; rename one of them if they are to be used elsewhere.",
            )
        stored = layout.original(file.path)
        faults = list(dict.fromkeys(filter(None, (rules.fault_of(stored) for rules in name_rules))))
        for fault in faults:
            words = f"has a name that a configured store cannot hold: {fault}"
            next_step = "Rename it and drop it again; Muniment renames nothing."
            yield subject.issue(codes.NAME_NOT_STORABLE, words, next_step)
        for name in () if faults else folders.odd_names_in(file.path):
            which = "has a name that" if file.path.endswith(name) else "lies in a folder whose name"
            words = f"{which} ends with a dot or a space, which Windows leaves out: {quoted(name)}"
            next_step = "It is kept under its own name; rename it if it is to be used on such computers."
            yield subject.issue(codes.NAME_ENDS_ODDLY, words, next_step)

    return issues_about


_EXEMPT: Final = "A pattern in the key exempt of this screen of the policy lets such files pass."


def _emptiness(screen: screens.NotEmpty, _: tuple[NameRules, ...]) -> SurfaceCheck:
    exempt = PathMatcher(screen.exempt)

    def issues_about(file: SurveyedFile) -> Iterator[Issue]:
        if not file.size and not exempt.matches(file.path):
            words = "is empty: it has no bytes"
            next_step = "Copy or scan it again; if it is meant to be empty, ask an archivist."
            yield Subject.under(file.path, screen).issue(
                codes.EMPTY_FILE, words, next_step, for_operators=_EXEMPT
            )

    return issues_about


def _disagreement(screen: screens.FormatDisagreement, _: tuple[NameRules, ...]) -> SurfaceCheck:
    def issues_about(file: SurveyedFile) -> Iterator[Issue]:
        rivals = [warning for warning in file.identification.warnings if warning.startswith(DISAGREEMENT)]
        if file.size and rivals:
            words = f"makes the identification {'; '.join(rivals)}"
            next_step = "Open it to see what it is; an archivist can then decide."
            rule = "A rule of the policy that names its path can claim it."
            yield Subject.under(file.path, screen).issue(
                codes.ENGINES_DISAGREE, words, next_step, for_operators=rule
            )

    return issues_about


def _known_format(screen: screens.KnownFormat, _: tuple[NameRules, ...]) -> SurfaceCheck:
    exempt = PathMatcher(screen.exempt)

    def issues_about(file: SurveyedFile) -> Iterator[Issue]:
        found = file.identification
        if file.size and found.decided is None and not exempt.matches(file.path):
            words = f"is of {found.name}: it is not known what will open it"
            next_step = "Find out what wrote it, and convert it or leave it out; or ask an archivist."
            yield Subject.under(file.path, screen).issue(
                codes.UNKNOWN_FORMAT, words, next_step, for_operators=_EXEMPT
            )

    return issues_about


def _extension(screen: screens.ExtensionMatches, _: tuple[NameRules, ...]) -> SurfaceCheck:
    def issues_about(file: SurveyedFile) -> Iterator[Issue]:
        found = file.identification
        if file.size and _EXTENSION_MISMATCH in " ".join(found.warnings):
            words = f"is {found.name}, and its extension says something else"
            next_step = "Check that the right file was exported; it is kept under its own name."
            yield Subject.under(file.path, screen).issue(codes.EXTENSION_MISMATCH, words, next_step)

    return issues_about


def _formats(screen: ImageSpecification, _: tuple[NameRules, ...]) -> SurfaceCheck:
    return format_issues(screen)


_Maker: TypeAlias = Callable[[Any, tuple[NameRules, ...]], SurfaceCheck]
SURFACE_CHECKS: Final[dict[type[ScreenTable], _Maker]] = {
    screens.PortableNames: _names,
    screens.NotEmpty: _emptiness,
    screens.FormatDisagreement: _disagreement,
    screens.KnownFormat: _known_format,
    screens.ExtensionMatches: _extension,
    ImageSpecification: _formats,
}
"""The check of each screen, in the order in which the issues of one file are reported."""


def surface_checks_for(policy: Policy, name_rules: tuple[NameRules, ...]) -> list[SurfaceCheck]:
    """Return the checks of one submission that need no file opened."""
    return [
        check(screen, name_rules) for kind, check in SURFACE_CHECKS.items() for screen in policy.screens(kind)
    ]


_IRREGULAR: dict[EntryKind, tuple[IssueCode, str, str]] = {
    EntryKind.SYMLINK: (
        codes.NOT_A_FILE,
        "is a symbolic link, which a bag cannot hold",
        "Put the file itself in its place, or remove the link; then drop it again.",
    ),
    EntryKind.DEVICE: (codes.NOT_A_FILE, "is no file", "Remove it, then drop it again."),
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
        "Wait until no program writes to it any more; then drop it again.",
    ),
    EntryKind.EMPTY_FOLDER: (
        codes.EMPTY_FOLDER,
        "is an empty folder, which a bag cannot hold: it is not kept",
        "Put a file into it if it matters that it was there.",
    ),
    EntryKind.TOO_LONG: (
        codes.TOO_LONG,
        "lies too deep, or in folders with too long names",
        "Move it up, or give the folders that it is in shorter names; then drop it again.",
    ),
}


_LONGEST_SHOWN: Final = 300
"""So many characters of a path a message shows; the issue has all of it."""


def irregular_entry_issue(entry: IrregularEntry, screen: screens.IrregularEntries | None) -> Issue:
    """Return the issue about what is in a drop and is no file that a bag can hold.

    It is an error whatever the policy says, but for empty folders.
    """
    code, words, next_step = _IRREGULAR[entry.kind]
    severity = Severity.WARNING if entry.kind is EntryKind.EMPTY_FOLDER else Severity.ERROR
    detail = f" ({entry.detail})" if entry.detail else ""
    because = screen.because if screen is not None else ""
    name = printable(entry.path)
    if len(name) > _LONGEST_SHOWN:
        name = f"{name[: _LONGEST_SHOWN // 2]}…{name[-_LONGEST_SHOWN // 2 :]}"
    return Issue(code, severity, f"{name} {words}{detail}.", entry.path, next_step, because)
