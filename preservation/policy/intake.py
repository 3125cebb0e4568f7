"""``[intake]``: when a drop is complete, and what comes with it besides what it is about."""

from __future__ import annotations

import re
from enum import StrEnum
from typing import Annotated, TypeAlias

from pydantic import AfterValidator, Field, model_validator

from preservation.policy.globs import PathPattern
from preservation.policy.words import Pattern, PolicyTable, UniqueList

_FILE_NAME = r"[^/*?\x00-\x1f\x7f]+"
_DAY_IN_SECONDS = 86_400


class JunkAction(StrEnum):
    """What becomes of files that are not meant to be kept."""

    KEEP = "keep"
    LEAVE_OUT = "leave-out"


class SuppliedManifests(StrEnum):
    """What is done with manifests that come with a drop."""

    VERIFY_WHERE_PRESENT = "verify-where-present"
    REQUIRE = "require"
    IGNORE = "ignore"


class CompleteWhen(StrEnum):
    """What shows that a drop in a watched folder is complete, besides that nothing changes any more."""

    QUIET = "quiet"
    SENTINEL = "sentinel"
    MANIFEST = "manifest"
    METADATA = "metadata"


class Unpacked(StrEnum):
    """Kinds of archive that are unpacked, though no bag is in them; ``tar`` also where it is compressed."""

    ZIP = "zip"
    TAR = "tar"


class LoosePages(StrEnum):
    """What becomes of single files in an inbox that look like pages of one object, or like lists of files."""

    HOLD = "hold"
    TAKE = "take"


class VirusScan(StrEnum):
    """Whether files are looked through for malware before they are kept."""

    OFF = "off"
    IF_AVAILABLE = "if-available"
    REQUIRE = "require"


def _file_name(text: str) -> str:
    if text in {".", ".."} or re.fullmatch(_FILE_NAME, text) is None:
        raise ValueError(f"{text[:80]!r} is no file's name; write one as it is, as in .done")
    return text


FileName: TypeAlias = Annotated[
    str, AfterValidator(_file_name), Field(json_schema_extra={"pattern": f"^{_FILE_NAME}$"})
]

_TEMPORARY = (
    "*.part",
    "*.partial",
    "*.filepart",
    "*.crdownload",
    "*.tmp",
    "~*",
    # rsync's, beside the file and in the folder of --delay-updates.
    ".*.??????",
    "**/.~tmp~/**",
    # What NFS calls a file that was removed while a process holds it open.
    ".nfs*",
)


class Intake(PolicyTable):
    """``[intake]``: when a drop is complete, and what comes with it besides what it is about."""

    settle: int = Field(
        default=30,
        ge=1,
        le=_DAY_IN_SECONDS,
        description="seconds for which nothing may change in a watched folder before a drop is taken; "
        "longer, by itself, where there were pauses while the drop grew",
    )
    complete_when: CompleteWhen = Field(
        default=CompleteWhen.QUIET,
        strict=False,
        description="what else shows that a drop in a watched folder is complete",
    )
    sentinels: UniqueList[FileName] = Field(
        default=(".done", ".ready"),
        description='names of files that show, with complete_when = "sentinel", that a drop is complete: at '
        "the top of the folder, or beside the drop after its name and a dot",
    )
    metadata: UniqueList[Pattern] = Field(
        default=(PathPattern("mets.xml"), PathPattern("*.csv")),
        description='patterns, one of which a file has to fit with complete_when = "metadata"',
    )
    temporary: UniqueList[Pattern] = Field(
        default=tuple(map(PathPattern, _TEMPORARY)),
        description="patterns for names under which programs write what is not finished; such a drop waits",
    )
    grouping: int = Field(
        default=0, ge=0, le=8, description="levels of folders between the collection's inbox and its drops"
    )
    loose_pages: LoosePages = Field(
        default=LoosePages.TAKE,
        strict=False,
        description="what becomes of files, not in a folder, whose names differ in a number only, and of "
        "manifests and descriptions beside them: they are held in the inbox, or each is taken as a drop",
    )
    junk: UniqueList[Pattern] = Field(default=(), description="patterns for what is not meant to be kept")
    junk_action: JunkAction = Field(
        default=JunkAction.KEEP, strict=False, description="whether junk is kept; it is listed either way"
    )
    unpack: UniqueList[Annotated[Unpacked, Field(strict=False)]] = Field(
        default=(),
        description="kinds of archive of which the content is kept and not the archive: zip; tar, also where "
        "it is compressed. Serialized bags are unpacked in any case",
    )
    supplied_manifests: SuppliedManifests = Field(
        default=SuppliedManifests.VERIFY_WHERE_PRESENT,
        strict=False,
        description="what is done with manifests that come with a drop",
    )
    descriptive: UniqueList[Pattern] = Field(
        default=(), description="patterns for descriptive metadata, to be copied to metadata/descriptive"
    )
    virus_scan: VirusScan = Field(
        default=VirusScan.OFF,
        strict=False,
        description="whether every file is looked through for malware: not, where a scanner is, or always",
    )
    virus_signatures_days: int = Field(
        default=7,
        ge=1,
        le=3650,
        description="days after which a scanner's signatures are too old to call anything clean",
    )

    @model_validator(mode="after")
    def _can_be_complete(self) -> Intake:
        if self.complete_when is CompleteWhen.SENTINEL and not self.sentinels:
            raise ValueError('complete_when = "sentinel" needs sentinels, and there are none')
        if self.complete_when is CompleteWhen.METADATA and not self.metadata:
            raise ValueError('complete_when = "metadata" needs patterns in metadata, and there are none')
        return self
