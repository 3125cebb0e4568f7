"""``[[screen]]``: what is checked before anything is kept, and what a finding means.

``screening.checks``, ``screening.drop_checks``, ``screening.examiners`` and ``screening.picture_checks`` have
the check of each of them.
"""

from typing import Annotated, Literal, TypeAlias

from pydantic import AfterValidator, Field

from preservation.policy.document_specification import DocumentSpecification
from preservation.policy.file_names import FileNames, PairedFiles
from preservation.policy.image_specification import ImageSpecification
from preservation.policy.metadata_columns import DescriptiveMetadata
from preservation.policy.page_content import PageContent
from preservation.policy.screen_tables import Outcome, ScreenOutcome, ScreenTable, SpecificationTable
from preservation.policy.supplied_xml import SuppliedXml
from preservation.policy.words import Pattern, UniqueList, members_of


def _only_reject(outcome: ScreenOutcome) -> ScreenOutcome:
    if outcome is not ScreenOutcome.REJECT:
        raise ValueError("can only be 'reject': a package cannot hold what is no readable file")
    return outcome


class IrregularEntries(ScreenTable):
    """Links, devices, unreadable files, names that are not UTF-8: what no bag can hold is always refused."""

    check: Literal["irregular-entries"]
    outcome: Annotated[
        Outcome,
        AfterValidator(_only_reject),
        Field(json_schema_extra={"const": "reject"}, description="can only be reject"),
    ]


class NotEmpty(ScreenTable):
    """Every file has at least one byte."""

    check: Literal["not-empty"]
    exempt: UniqueList[Pattern] = Field(default=(), description="paths that may be empty")


class DecodableImages(ScreenTable):
    """Every raster image is decoded to its last pixel; what is beside its first picture is weighed apart."""

    check: Literal["decodable-images"]
    later: Outcome | None = Field(
        default=None,
        description="outcome where a page or picture behind the first is damaged; the same where left out",
    )
    profile: Outcome = Field(
        default=ScreenOutcome.WARN, description="outcome for those whose ICC profile is damaged"
    )
    imperfect: Outcome = Field(
        default=ScreenOutcome.WARN,
        description="outcome for those that decode wholly and break a rule of their format",
    )


class SoundDocuments(ScreenTable):
    """Documents are whole: every stream of a PDF is decoded, every part of what is zip inside is unpacked."""

    check: Literal["sound-documents"]
    encrypted: Outcome | None = Field(
        default=None, description="outcome for those that need a password; the same where left out"
    )
    active: Outcome = Field(
        default=ScreenOutcome.WARN,
        description="outcome for those that run a script or start a program when they are opened",
    )
    imperfect: Outcome = Field(
        default=ScreenOutcome.WARN,
        description="outcome for those that nothing is lost of, and that readers have to mend",
    )


class KnownFormat(ScreenTable):
    """Every file's format is known to PRONOM, beyond doubt."""

    check: Literal["known-format"]
    exempt: UniqueList[Pattern] = Field(default=(), description="paths that may be of unknown format")


class PortableNames(ScreenTable):
    """Names that every file system can hold, and that do not collide where case or accents are lost."""

    check: Literal["portable-names"]


class SafeArchives(ScreenTable):
    """Archives neither climb out of their folder nor unpack to more than can be held."""

    check: Literal["safe-archives"]


class ExtensionMatches(ScreenTable):
    """The extension is one that PRONOM knows for the format."""

    check: Literal["extension-matches"]


class FormatDisagreement(ScreenTable):
    """The identification engines agree on what the file is."""

    check: Literal["format-disagreement"]


Screen: TypeAlias = Annotated[
    IrregularEntries
    | NotEmpty
    | DecodableImages
    | SoundDocuments
    | KnownFormat
    | PortableNames
    | SafeArchives
    | ExtensionMatches
    | FormatDisagreement
    | FileNames
    | PairedFiles
    | DocumentSpecification
    | DescriptiveMetadata
    | SuppliedXml
    | ImageSpecification
    | PageContent,
    Field(discriminator="check"),
]

SCREENS = members_of(Screen, "check", ScreenTable)
"""Every screen that a policy can list, by its name."""

REPEATABLE = frozenset(name for name, kind in SCREENS.items() if issubclass(kind, SpecificationTable))
"""The screens of which a policy may list several."""
