"""The check of pairs: to each file of one pattern there is one of another, by their names."""

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Final

from preservation.model.amounts import count
from preservation.model.files import SurveyedFile
from preservation.model.identifiers import ObjectName
from preservation.model.issues import Issue, Severity
from preservation.model.paths import printable
from preservation.policy.file_names import PairedFiles
from preservation.policy.globs import PathMatcher
from preservation.policy.name_patterns import NameMatcher
from preservation.screening import codes

_NAMED: Final = 10


class FilePairCheck:
    """Remembers names until the one that goes with them has come by: about 200 bytes for each that waits.

    A file that fits both patterns is taken for what the pattern says that gives more of its name.
    """

    def __init__(self, screen: PairedFiles, name: ObjectName, *_: object) -> None:
        self._screen = screen
        self._paths = PathMatcher(screen.paths)
        self._exempt = PathMatcher(screen.exempt)
        self._one, self._other = (NameMatcher(pattern, name) for pattern in (screen.one, screen.other))
        self._exact_first = sorted((self._one, self._other), key=lambda matcher: -matcher.literals)
        self._fields = self._one.fields
        self._is_of_paths = "/" in screen.one
        self._alone: dict[tuple[str, ...], NameMatcher] = {}
        self._held = 0

    def look(self, file: SurveyedFile) -> Iterator[Issue]:
        """Enter a file. Nothing is wrong with it before all were seen."""
        is_listed = not self._screen.paths or self._paths.matches(file.path)
        if not is_listed or self._exempt.matches(file.path):
            return
        for matcher in self._exact_first:
            values = matcher.values_in(file.path)
            if values is not None:
                self._held += 1
                self._enter(matcher, tuple(values[field] for field in self._fields), file.path)
                return
        yield from ()

    def _enter(self, matcher: NameMatcher, values: tuple[str, ...], path: str) -> None:
        # In whatever folder: patterns of names alone are about the files of each folder.
        folder = "" if self._is_of_paths else path.rpartition("/")[0]
        key = (folder, *values)
        if self._alone.setdefault(key, matcher) is not matcher:
            del self._alone[key]

    def close(self, _: Iterable[SurveyedFile]) -> Iterator[Issue]:
        """Yield which files are alone."""
        screen = self._screen
        if not self._held:
            message = f"No file of the drop fits {screen.one} or {screen.other}: no pairs were looked for."
            next_step = "See whether the files lie where they should, and have their right names."
            yield Issue(codes.NO_NAME_HELD, Severity.WARNING, message, None, next_step, screen.because)
        directions = [(self._one, self._other)]
        if screen.both_ways:
            directions.append((self._other, self._one))
        for ours, theirs in directions:
            alone = sum(matcher is ours for matcher in self._alone.values())
            if not alone:
                continue
            keys = (key for key, matcher in self._alone.items() if matcher is ours)
            named = ", ".join(self._pair(ours, theirs, key) for key in islice(keys, _NAMED))
            more = f" and {alone - _NAMED:,} more" if alone > _NAMED else ""
            message = (
                f"{count(alone, 'file')} that {'fits' if alone == 1 else 'fit'} {ours.pattern} "
                f"{'has' if alone == 1 else 'have'} none beside {'it' if alone == 1 else 'them'} that fits "
                f"{theirs.pattern}: {named}{more}."
            )
            next_step = "Add the missing files, or take out what is not meant; then drop it again."
            yield Issue(
                codes.FILE_WITHOUT_PARTNER,
                screen.outcome.severity,
                message,
                None,
                next_step,
                screen.because,
            )

    def _pair(self, ours: NameMatcher, theirs: NameMatcher, key: tuple[str, ...]) -> str:
        folder, *texts = key
        values = dict(zip(self._fields, texts, strict=True))
        above = f"{folder}/" if folder else ""
        mine, missing = (printable(above + matcher.name_with(values)) for matcher in (ours, theirs))
        return f"{mine} (no {missing})"
