"""Rulings: what a person decided beforehand of drops: a finding is waived, a format is set by hand."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import date, datetime
from typing import Final, TypeAlias

import msgspec

from preservation.model.formats import EngineName, FormatMatch, Identification, Puid
from preservation.model.identifiers import CollectionName, ObjectId, ObjectName
from preservation.model.issues import Issue, Severity
from preservation.model.paths import RelativePath, printable
from preservation.model.screening import ScreenedFile

BY_HAND: Final = EngineName("a person")
"""Stands for the engine where a format was set by hand."""

_SPECIFIED: Final = ("DOC", "DSC", "IMG", "NAM", "ORD", "PAG")
_AS_THE_POLICY_SAYS: Final = "SCR"
_STOPPING: Final = frozenset({Severity.ERROR, Severity.QUESTION})


class Waiver(msgspec.Struct, frozen=True, tag="waiver"):
    """A finding that sends nothing back, and of which nobody is asked, up to and with the day ``until``.

    It holds for a collection, and where they are named, for one object, one batch of orders, one file in each
    drop. ``number`` names it, for good: one that has ``ended`` stays on record.
    """

    number: int
    code: str
    collection: CollectionName
    object: ObjectName | None
    batch: str
    path: RelativePath | None
    until: date
    because: str
    by: str
    at: datetime
    ended: bool = False

    @property
    def place(self) -> str:
        """What it holds for, as people name it."""
        named = self.collection if self.object is None else f"{self.collection}/{self.object}"
        batch = f", batch {self.batch}" if self.batch else ""
        return printable(f"{named}{batch}{'' if self.path is None else f', {self.path}'}")

    @property
    def sentence(self) -> str:
        """What it says, without who and why."""
        return f"waiver {self.number}: {self.code} of {self.place} is waived until {self.until}"

    def holds_for(self, object_id: ObjectId, batch: str, day: date) -> bool:
        """Return whether it holds for a drop of the object, whose order is of ``batch``, on that day."""
        return (
            self.collection == object_id.collection
            and self.object in {None, object_id.name}
            and self.batch in {"", batch}
            and day <= self.until
        )

    def takes(self, issue: Issue) -> bool:
        """Return whether it waives the finding."""
        return (
            issue.code == self.code
            and issue.severity in _STOPPING
            and self.path in {None, issue.path}
            and is_demanded(issue)
        )


class FormatRuling(msgspec.Struct, frozen=True, tag="format"):
    """The format of one file of an object, set by hand. ``number`` names it; ``name`` is the format's."""

    number: int
    puid: Puid
    name: str
    collection: CollectionName
    object: ObjectName
    path: RelativePath
    because: str
    by: str
    at: datetime
    ended: bool = False

    @property
    def place(self) -> str:
        """What it holds for, as people name it."""
        return printable(f"{self.collection}/{self.object}, {self.path}")

    @property
    def sentence(self) -> str:
        """What it says, without who and why."""
        return f"ruling {self.number}: the format of {self.place} is {self.puid}"

    def applied(self, found: Identification) -> Identification:
        """Return the identification with this word above those of the engines, which stay.

        Their warnings go: they are about what the engines took it for.
        """
        basis = f"set by hand on {self.at:%Y-%m-%d} by {printable(self.by)}: {printable(self.because)}"
        match = FormatMatch(self.puid, self.name, "", basis, BY_HAND)
        return replace(found, matches=(match, *found.matches), decided=self.puid, warnings=())


Ruling: TypeAlias = Waiver | FormatRuling


def may_be_waived(code: str) -> bool:
    """Return whether findings of that code can be something that a policy demands."""
    return code.partition("-")[0] in {*_SPECIFIED, _AS_THE_POLICY_SAYS}


def is_demanded(issue: Issue) -> bool:
    """Return whether the finding is against what a policy demands.

    Malware, checksums, links and what cannot be read are none of it, whatever a person says.
    """
    group = issue.code.partition("-")[0]
    return group in _SPECIFIED or (group == _AS_THE_POLICY_SAYS and bool(issue.because))


def waived(issues: Iterable[Issue], waivers: tuple[Waiver, ...]) -> tuple[Issue, ...]:
    """Return the issues; one that is waived is a warning, and says who waived it, and why."""
    return tuple(_waived(issue, waivers) for issue in issues)


def file_waived(screened: ScreenedFile, waivers: tuple[Waiver, ...]) -> ScreenedFile:
    """Return what screening found of a file, with what is waived."""
    if not waivers or not screened.issues:
        return screened
    return replace(screened, issues=waived(screened.issues, waivers))


def _waived(issue: Issue, waivers: tuple[Waiver, ...]) -> Issue:
    for waiver in waivers:
        if waiver.takes(issue):
            said = (
                f"Waived by {printable(waiver.by)} on {waiver.at:%Y-%m-%d}: {printable(waiver.because)}"
            ).rstrip(".")
            return replace(
                issue,
                severity=Severity.WARNING,
                message=f"{issue.message.rstrip('.')}. {said}.",
                next_step="",
            )
    return issue
