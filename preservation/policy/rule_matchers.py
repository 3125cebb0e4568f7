"""Which rule takes a file. Rules that could claim one file are refused on loading, so at most one does."""

from __future__ import annotations

from collections.abc import Sequence

from preservation.model.decisions import Action, RuleId
from preservation.model.files import SurveyedFile
from preservation.model.formats import Puid
from preservation.model.paths import extension_of
from preservation.policy.globs import PathMatcher
from preservation.policy.rules import Rule, WhenKey


class Claim:
    """One rule, made ready to be held against many files."""

    def __init__(self, rule: Rule) -> None:
        self.rule = rule
        self.identifier = RuleId(rule.id)
        self.action = Action.NORMALIZE if rule.action is None else rule.action.action
        self.normalize = None if rule.normalize is None else rule.normalize.as_migration()
        self.access = None if rule.access is None else rule.access.as_migration()
        self.proofs = rule.proofs
        self._formats = frozenset(rule.when.puid)
        self._unidentified = rule.when.unidentified
        self._extensions = frozenset(rule.when.extension)
        self._paths = PathMatcher(rule.when.path)

    def unmet(self, file: SurveyedFile) -> WhenKey | None:
        """Return the first key of ``when`` that does not hold; ``None`` where the rule takes the file."""
        decided = file.identification.decided
        if self._formats and decided not in self._formats:
            return WhenKey.PUID
        if self._unidentified and decided is not None:
            return WhenKey.UNIDENTIFIED
        if self._extensions and extension_of(file.path) not in self._extensions:
            return WhenKey.EXTENSION
        if self._paths.patterns and not self._paths.matches(file.path):
            return WhenKey.PATH
        return None


class Claims:
    """Every rule of a policy, found by format first, so that a long policy costs no more than a short one."""

    def __init__(self, rules: Sequence[Rule]) -> None:
        self.all = tuple(Claim(rule) for rule in rules)
        self._of_any_format = tuple(claim for claim in self.all if not claim.rule.when.puid)
        self._by_format: dict[Puid, tuple[Claim, ...]] = {}
        for claim in self.all:
            for puid in claim.rule.when.puid:
                self._by_format[puid] = (*self._by_format.get(puid, ()), claim)

    def on(self, file: SurveyedFile) -> Claim | None:
        """Return the claim on ``file``, or ``None`` where no rule takes it."""
        decided = file.identification.decided
        of_its_format = self._by_format.get(decided, ()) if decided is not None else ()
        for claims in (of_its_format, self._of_any_format):
            for claim in claims:
                if claim.unmet(file) is None:
                    return claim
        return None
