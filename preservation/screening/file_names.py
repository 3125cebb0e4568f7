"""The check of names with numbers: what does not fit, what is missing, doubled, or begins elsewhere.

Only names are looked at. That a sequence is not at its end where its last number is, no name shows.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final

from preservation.model.amounts import count
from preservation.model.files import SurveyedFile
from preservation.model.identifiers import ObjectName
from preservation.model.issues import Issue, IssueCode, Severity
from preservation.model.paths import RelativePath, folded, printable, quoted
from preservation.policy.file_names import FileNames
from preservation.policy.globs import PathMatcher
from preservation.policy.name_patterns import FOLDER, NameMatcher
from preservation.screening import codes
from preservation.screening.number_runs import NumberRuns, NumbersFound, Run
from preservation.screening.report_issues import Subject

_SEQUENCES_NAMED: Final = 10
"""So many sequences have findings of their own; the others are counted."""
_RUNS_NAMED: Final = 10
_FILES_NAMED: Final = 5
_RESCAN: Final = "See whether they were scanned; add them, or name the files anew, then drop it again."
_RENAME: Final = "Name it as the specification says, or take it out; then drop it again."
_EXEMPT: Final = "A pattern in the key exempt of this screen of the policy lets such files pass."


@dataclass(slots=True)
class _Sequence:
    """``example`` is the file that was met first; ``spelled`` what its name has apart from the number."""

    example: RelativePath
    spelled: str
    numbers: NumberRuns = field(default_factory=NumberRuns)


@dataclass(frozen=True, slots=True)
class _Found:
    """A sequence, once all of its numbers are there."""

    key: str
    sequence: _Sequence
    numbers: NumbersFound


@dataclass(slots=True)
class _Kind:
    """One kind of finding: the first sequences that have it, and how many more do."""

    code: IssueCode
    is_so: Callable[[_Found], bool]
    first: list[_Found] = field(default_factory=list)
    more: int = 0

    def take(self, found: _Found) -> None:
        if not self.is_so(found):
            return
        if len(self.first) < _SEQUENCES_NAMED:
            self.first.append(found)
        else:
            self.more += 1


class FileNameCheck:
    """Holds names against a pattern, and remembers their numbers.

    About 300 bytes for each sequence, and eight for each run of numbers in it.
    """

    def __init__(self, screen: FileNames, name: ObjectName, *_: object) -> None:
        self._screen = screen
        self._name = name
        self._paths = PathMatcher(screen.paths)
        self._exempt = PathMatcher(screen.exempt)
        self._matcher = NameMatcher(screen.pattern, name)
        self._counter = screen.counter
        self._others = tuple(
            field for field in self._matcher.fields if field != self._counter and field not in screen.across
        )
        self._is_by_folder = FOLDER not in screen.across
        self._sequences: dict[str, _Sequence] = {}
        self._doubled: dict[str, list[RelativePath]] = {}
        self._held = 0

    def look(self, file: SurveyedFile) -> Iterator[Issue]:
        """Yield what is wrong with the name of one file."""
        if not self._is_meant(file.path):
            return
        self._held += 1
        values = self._matcher.values_in(file.path)
        if values is None:
            values = self._matcher.values_in_any_case(file.path)
            if values is None:
                yield self._does_not_fit(file.path)
                return
            words = f"differs from {self._screen.pattern} in upper and lower case"
            next_step = f"Name it {quoted(self._matcher.name_with(values))}; then drop it again."
            yield self._subject(file.path).issue(codes.NAME_IN_OTHER_CASE, words, next_step)
        if self._counter:
            alike = self._count(file.path, values)
            if alike is not None:
                yield alike

    def close(self, surveyed: Iterable[SurveyedFile]) -> Iterator[Issue]:
        """Yield what all names together show. ``surveyed`` are the same files once more."""
        if not self._held:
            yield self._nothing_held()
        kinds = (
            _Kind(codes.OTHER_FIRST_NUMBER, self._begins_elsewhere),
            _Kind(codes.NUMBERS_MISSING, lambda one: one.numbers.missing > 0),
            _Kind(codes.NUMBERS_DOUBLED, lambda one: one.numbers.doubled > 0),
            _Kind(codes.OTHER_NUMBER_OF_FILES, self._has_other_count),
        )
        first: list[_Found] = []
        files = 0
        for key, sequence in self._sequences.items():
            found = _Found(key, sequence, sequence.numbers.found(_RUNS_NAMED))
            files += sequence.numbers.count
            if len(first) < _SEQUENCES_NAMED:
                first.append(found)
            for kind in kinds:
                kind.take(found)
        doubled = kinds[2].first
        self._doubled = self._names_of(doubled, surveyed) if doubled else {}
        sentences = (self._other_beginning, self._gaps, self._doubles, self._other_count)
        for kind, sentence in zip(kinds, sentences, strict=True):
            for found in kind.first:
                yield self._issue(kind.code, *sentence(found))
            if kind.more:
                message = f"The same is so of {count(kind.more, 'further sequence')} of names."
                yield self._issue(kind.code, message, _RESCAN)
        if first:
            yield self._seen(files, first)

    def _is_meant(self, path: RelativePath) -> bool:
        is_listed = not self._screen.paths or self._paths.matches(path)
        return is_listed and not self._exempt.matches(path)

    def _subject(self, path: RelativePath) -> Subject:
        return Subject.under(path, self._screen)

    def _does_not_fit(self, path: RelativePath) -> Issue:
        meaning = f", where {{object}} is {quoted(self._name)}" if "{object}" in self._screen.pattern else ""
        words = f"has a name that does not fit {self._screen.pattern}{meaning}"
        return self._subject(path).issue(codes.NAME_DOES_NOT_FIT, words, _RENAME, for_operators=_EXEMPT)

    def _count(self, path: RelativePath, values: dict[str, str]) -> Issue | None:
        """Enter a number; return that the rest of the name is spelled otherwise than in its sequence."""
        spelled = self._spelled(path, values)
        # Most names are written in lower case: one string serves as both.
        key = spelled if (alike := folded(spelled)) == spelled else alike
        sequence = self._sequences.get(key)
        if sequence is None:
            sequence = self._sequences[key] = _Sequence(path, spelled)
        sequence.numbers.add(int(values[self._counter]))
        if sequence.spelled == spelled:
            return None
        words = f"differs from {printable(sequence.example)} in upper and lower case, besides the number"
        next_step = "Name both alike; then drop it again."
        return self._subject(path).issue(codes.NAME_IN_OTHER_CASE, words, next_step)

    def _spelled(self, path: RelativePath, values: dict[str, str]) -> str:
        """Return what distinguishes one sequence from another."""
        folder = path.rpartition("/")[0] if self._is_by_folder else ""
        return "\0".join([folder, *(values[field] for field in self._others)])

    def _begins_elsewhere(self, one: _Found) -> bool:
        return isinstance(self._screen.first, int) and one.numbers.first != self._screen.first

    def _has_other_count(self, one: _Found) -> bool:
        files, most = one.sequence.numbers.count, self._screen.most
        return files < (self._screen.least or 0) or (most is not None and files > most)

    def _other_beginning(self, one: _Found) -> tuple[str, str]:
        message = (
            f"The numbers of {self._title(one)} begin with {self._written(one.numbers.first)}, "
            f"and not with {self._written(int(self._screen.first))}."
        )
        return message, _RESCAN

    def _gaps(self, one: _Found) -> tuple[str, str]:
        numbers = one.numbers
        named = ", ".join(map(self._run, numbers.missing_runs))
        shown = sum(last - first + 1 for first, last in numbers.missing_runs)
        more = f" and {numbers.missing - shown:,} more" if numbers.missing > shown else ""
        verb = "is" if numbers.missing == 1 else "are"
        missing = count(numbers.missing, "number")
        return f"{missing} of {self._title(one)} {verb} missing: {named}{more}.", _RESCAN

    def _doubles(self, one: _Found) -> tuple[str, str]:
        numbers = one.numbers
        names = self._doubled.get(one.key, ())
        numbered = ", ".join(map(self._written, numbers.doubled_numbers))
        message = (
            f"{count(numbers.doubled, 'file')} of {self._title(one)} "
            f"{'has' if numbers.doubled == 1 else 'have'} a number that another file has ({numbered}): "
            f"{', '.join(map(quoted, names))}{' …' if numbers.doubled > 1 else ''}."
        )
        return message, "See which of them is meant, and take the other out; then drop it again."

    def _other_count(self, one: _Found) -> tuple[str, str]:
        screen, files = self._screen, one.sequence.numbers.count
        asked = f"at least {screen.least:,}" if files < (screen.least or 0) else f"at most {screen.most:,}"
        return f"{self._title(one)}: {count(files, 'file')}, and {asked} are asked for.", _RESCAN

    def _seen(self, files: int, first: list[_Found]) -> Issue:
        named = ", ".join(map(self._title, first))
        more = len(self._sequences) - len(first)
        message = (
            f"The numbers in {count(files, 'name')} of {count(len(self._sequences), 'sequence')} were looked "
            f"at: {named}{f' and {more:,} more' if more else ''}. "
            "Whether anything belongs behind the last number, no name shows."
        )
        return Issue(codes.NUMBERS_LOOKED_AT, Severity.INFO, message)

    def _nothing_held(self) -> Issue:
        about = f" ({', '.join(self._screen.paths)})" if self._screen.paths else ""
        message = f"No file of the drop is one whose name is held against {self._screen.pattern}{about}."
        severity = Severity.WARNING if self._screen.least is None else self._screen.outcome.severity
        next_step = "See whether the files lie where they should, and have their right extension."
        return Issue(codes.NO_NAME_HELD, severity, message, None, next_step, self._screen.because)

    def _issue(self, code: IssueCode, message: str, next_step: str) -> Issue:
        screen = self._screen
        return Issue(code, screen.outcome.severity, message, None, next_step, screen.because)

    def _title(self, one: _Found) -> str:
        """Return what the names of a sequence have in common, and its first and last number."""
        example, pattern = one.sequence.example, self._screen.pattern
        open_fields = (field for field in self._matcher.fields if field not in self._others)
        name = self._matcher.name_with(
            {**self._values(example), **{field: f"{{{field}}}" for field in open_fields}}
        )
        folder = example.rpartition("/")[0] if self._is_by_folder and "/" not in pattern else ""
        title = printable(f"{folder}/{name}" if folder else name)
        return f"{title} ({self._run((one.numbers.first, one.numbers.last))})"

    def _values(self, path: RelativePath) -> dict[str, str]:
        return self._matcher.values_in(path) or self._matcher.values_in_any_case(path) or {}

    def _run(self, run: Run) -> str:
        first, last = map(self._written, run)
        return first if first == last else f"{first} to {last}"

    def _written(self, number: int) -> str:
        return self._matcher.number_with(self._counter, number)

    def _names_of(
        self, doubled: list[_Found], surveyed: Iterable[SurveyedFile]
    ) -> dict[str, list[RelativePath]]:
        """Return the files that have the first doubled number of each of these sequences."""
        wanted = {(one.key, one.numbers.doubled_numbers[0]) for one in doubled}
        found: dict[str, list[RelativePath]] = {one.key: [] for one in doubled}
        for file in surveyed:
            values = self._values(file.path) if self._is_meant(file.path) else {}
            if not values:
                continue
            key = folded(self._spelled(file.path, values))
            if (key, int(values[self._counter])) in wanted and len(found[key]) < _FILES_NAMED:
                found[key].append(file.path)
        return found
