"""Which check makes which screen of a policy: to add a screen, add it here.

The names and keys of the screens stand in ``policy.screens``, which knows no check.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, TypeVar

from preservation.model.name_rules import NameRules
from preservation.policy.schema import Policy
from preservation.policy.screens import (
    DecodableImages,
    ExtensionMatches,
    FormatDisagreement,
    IrregularEntries,
    KnownFormat,
    NotEmpty,
    PortableNames,
    SafeArchives,
    ScreenTable,
    SoundDocuments,
)
from preservation.rasters.families import Family
from preservation.screening.checks import (
    DisagreementCheck,
    EmptinessCheck,
    ExtensionCheck,
    FormatCheck,
    NamesCheck,
    SurfaceCheck,
    irregular_entry_issue,
)
from preservation.screening.examiners import ArchiveExaminer, DocumentExaminer, Examiner, ImageExaminer
from preservation.tools.limits import Limits

Kind = TypeVar("Kind", bound=ScreenTable)

SURFACE_CHECKS: Final[dict[type[ScreenTable], Callable[[Any, tuple[NameRules, ...]], SurfaceCheck]]] = {
    PortableNames: NamesCheck,
    NotEmpty: EmptinessCheck,
    FormatDisagreement: DisagreementCheck,
    KnownFormat: FormatCheck,
    ExtensionMatches: ExtensionCheck,
}
"""Checks of files that stay closed, in the order in which they say what they find of one file."""

EXAMINERS: Final[dict[type[ScreenTable], Callable[[Any, Limits, Path], Examiner]]] = {
    DecodableImages: ImageExaminer,
    SoundDocuments: DocumentExaminer,
    SafeArchives: ArchiveExaminer,
}
"""Checks that look into files, in caged workers."""

ENTRY_CHECKS: Final = {IrregularEntries: irregular_entry_issue}
"""The check of what is no file."""


def screen_of(policy: Policy, kind: type[Kind]) -> Kind | None:
    """Return the policy's screen of that kind; ``None`` where it lists none, and the check is not made."""
    return next((screen for screen in policy.terms.screens if isinstance(screen, kind)), None)


def surface_checks_for(policy: Policy, name_rules: tuple[NameRules, ...]) -> list[SurfaceCheck]:
    """Return the checks of one submission that need no file opened."""
    found = ((screen_of(policy, kind), check) for kind, check in SURFACE_CHECKS.items())
    return [check(screen, name_rules) for screen, check in found if screen is not None]


def examiners_for(policy: Policy, limits: Limits, thumbnails: Path) -> dict[Family, Examiner]:
    """Return the examiner of each family; families that the policy has not checked are absent."""
    examiners: dict[Family, Examiner] = {}
    for kind, make in EXAMINERS.items():
        screen = screen_of(policy, kind)
        if screen is not None:
            examiner = make(screen, limits, thumbnails)
            examiners |= dict.fromkeys(examiner.families, examiner)
    return examiners
