"""Dossiers: all that the stages found out about one file, side by side.

The stages leave their records in separate files, all in the order of the survey. Here those
streams are laid beside each other again, one file at a time, in flat memory.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Generic, TypeVar

from preservation.errors import IntegrityError
from preservation.model.decisions import Action, Decision
from preservation.model.derivatives import Derivative, RefusedDerivative
from preservation.model.descriptions import DescribedFile
from preservation.model.files import IrregularEntry, SurveyedFile
from preservation.model.paths import RelativePath, printable
from preservation.model.screening import ScreenedFile

Value = TypeVar("Value")


@dataclass(frozen=True, slots=True)
class Dossier:
    """One entry of a drop and everything that is known about it.

    What a stage has not recorded, because it did not run or found nothing, is ``None`` or empty.
    """

    found: SurveyedFile | IrregularEntry
    screened: ScreenedFile | None = None
    decision: Decision | None = None
    derivatives: tuple[Derivative | RefusedDerivative, ...] = ()
    described: DescribedFile | None = None

    @property
    def path(self) -> RelativePath:
        """The file's path below the root of the drop."""
        return self.found.path

    @property
    def kept(self) -> SurveyedFile | None:
        """The file as it goes into the package, or ``None`` where it does not go there."""
        if isinstance(self.found, IrregularEntry):
            return None
        if self.screened is not None and self.screened.left_out:
            return None
        if self.decision is not None and self.decision.action is Action.LEAVE_OUT:
            return None
        return self.found


@dataclass(frozen=True, slots=True)
class Dossiers:
    """The stages' records, laid beside each other in the order of ``found``, one file at a time.

    Each of the others is about some of the found files, in the same order; derivatives stand in the
    order of their sources. May be iterated as often as the records themselves. Iterating raises
    ``IntegrityError`` where a record belongs to no file found: records of different surveys are mixed.
    """

    found: Iterable[SurveyedFile | IrregularEntry]
    screened: Iterable[ScreenedFile] = ()
    decisions: Iterable[Decision] = ()
    derivatives: Iterable[Derivative | RefusedDerivative] = ()
    described: Iterable[DescribedFile] = ()

    def __iter__(self) -> Iterator[Dossier]:
        screening = _Following(self.screened, lambda value: value.path)
        deciding = _Following(self.decisions, lambda value: value.path)
        deriving = _Following(self.derivatives, lambda value: value.source)
        describing = _Following(self.described, lambda value: value.path)
        for entry in self.found:
            yield Dossier(
                found=entry,
                screened=screening.next_about(entry.path),
                decision=deciding.next_about(entry.path),
                derivatives=tuple(deriving.all_about(entry.path)),
                described=describing.next_about(entry.path),
            )
        for stream in (screening, deciding, deriving, describing):
            stream.must_have_ended()


class _Following(Generic[Value]):
    """A stream of records that follows the survey's order, with one record looked at ahead."""

    def __init__(self, values: Iterable[Value], path_of: Callable[[Value], RelativePath]) -> None:
        self._values = iter(values)
        self._path_of = path_of
        self._ahead = next(self._values, None)

    def next_about(self, path: RelativePath) -> Value | None:
        value = self._ahead
        if value is None or self._path_of(value) != path:
            return None
        self._ahead = next(self._values, None)
        return value

    def all_about(self, path: RelativePath) -> Iterator[Value]:
        while (value := self.next_about(path)) is not None:
            yield value

    def must_have_ended(self) -> None:
        if self._ahead is not None:
            raise IntegrityError(
                f"{printable(self._path_of(self._ahead))}: there is a record about this file, but the survey "
                "did not find it at that place; remove the submission's folder in processing/ and "
                "preserve the drop again"
            )
