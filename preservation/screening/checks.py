"""The checks that need nothing but what the survey found: the size, the format, the name."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeVar

from preservation.identification.deciding import DISAGREEMENT
from preservation.model.files import SurveyedFile
from preservation.model.formats import Identification
from preservation.model.issues import Issue
from preservation.model.name_rules import NameRules
from preservation.model.paths import RelativePath, printable
from preservation.policy.globs import PathMatcher
from preservation.policy.schema import Policy
from preservation.policy.screens import (
    ExtensionMatches,
    FormatDisagreement,
    KnownFormat,
    NotEmpty,
    PortableNames,
    Screen,
)
from preservation.screening import codes
from preservation.screening.names import NameLedger, faults_at_stores
from preservation.screening.subject import Subject

Kind = TypeVar("Kind", bound=Screen)

_EXTENSION_MISMATCH = "extension mismatch"
"""What siegfried remarks where the extension is none that PRONOM knows for the format."""


def screen_of(policy: Policy, kind: type[Kind]) -> Kind | None:
    """Return the policy's screen of that kind; ``None`` where it lists none, and the check is not made."""
    return next((screen for screen in policy.terms.screens if isinstance(screen, kind)), None)


class SurfaceChecks:
    """The checks of one submission. Remembers names, so that those which collide are found."""

    def __init__(self, policy: Policy, name_rules: tuple[NameRules, ...]) -> None:
        self._not_empty = screen_of(policy, NotEmpty)
        self._known_format = screen_of(policy, KnownFormat)
        self._portable_names = screen_of(policy, PortableNames)
        self._extension_matches = screen_of(policy, ExtensionMatches)
        self._disagreement = screen_of(policy, FormatDisagreement)
        self._may_be_empty = PathMatcher(self._not_empty.exempt if self._not_empty else ())
        self._may_be_unknown = PathMatcher(self._known_format.exempt if self._known_format else ())
        self._name_rules = name_rules
        self._names = NameLedger()

    def issues_about(self, file: SurveyedFile) -> Iterator[Issue]:
        """Yield what is to be said about the file without opening it."""
        if self._portable_names is not None:
            yield from self._about_name(Subject.under(file.path, self._portable_names))
        if file.size:
            yield from self._about_format(file.path, file.identification)
        elif self._not_empty is not None and not self._may_be_empty.matches(file.path):
            yield Subject.under(file.path, self._not_empty).issue(
                codes.EMPTY_FILE,
                "is empty: it has no bytes",
                "Copy or scan it again; or, if it is meant to be empty, have the policy exempt it.",
            )

    def _about_name(self, subject: Subject) -> Iterator[Issue]:
        for twin in self._names.twins_of(subject.path):
            code, difference = (
                (codes.TWINS_BY_CASE, "upper and lower case")
                if twin.differs_in_case
                else (codes.TWINS_BY_SPELLING, "how Unicode spells their accents")
            )
            which = f"its folder {printable(twin.name)}" if twin.name != subject.path else "its name"
            yield subject.issue(
                code,
                f"collides with {printable(twin.earlier)}: {which} differs from that only in {difference}, "
                "and on many computers one would take the other's place",
                "Both are kept as they are; rename one of them if they are to be used elsewhere.",
            )
        for fault in faults_at_stores(subject.path, self._name_rules):
            yield subject.issue(
                codes.NAME_NOT_STORABLE,
                f"has a name that a configured store cannot hold: {fault}",
                "Rename it and drop it again; Muniment renames nothing.",
            )

    def _about_format(self, path: RelativePath, found: Identification) -> Iterator[Issue]:
        rivals = [warning for warning in found.warnings if warning.startswith(DISAGREEMENT)]
        if self._disagreement is not None and rivals:
            yield Subject.under(path, self._disagreement).issue(
                codes.ENGINES_DISAGREE,
                f"makes the identification {'; '.join(rivals)}",
                "Open it and decide; a rule that names its path can then claim it.",
            )
        if (
            self._known_format is not None
            and found.decided is None
            and not self._may_be_unknown.matches(path)
        ):
            yield Subject.under(path, self._known_format).issue(
                codes.UNKNOWN_FORMAT,
                f"is of {found.name}: nobody can say what will open it",
                "Find out what wrote it, and convert it, leave it out, or have the policy exempt it.",
            )
        if self._extension_matches is not None and _EXTENSION_MISMATCH in " ".join(found.warnings):
            yield Subject.under(path, self._extension_matches).issue(
                codes.EXTENSION_MISMATCH,
                f"is {found.name}, and its extension says something else",
                "Check that the right file was exported; it is kept under its own name.",
            )
