"""``check = "document-specification"``: what a contract asks of PDFs, key by key."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Literal, TypeAlias

from pydantic import Field, model_validator

from preservation.policy.screen_tables import SpecificationTable
from preservation.policy.words import UniqueList

PdfVersion: TypeAlias = Literal["1.0", "1.1", "1.2", "1.3", "1.4", "1.5", "1.6", "1.7", "2.0"]
PdfClaim: TypeAlias = Literal[
    "PDF/A-1a", "PDF/A-1b", "PDF/A-2a", "PDF/A-2b", "PDF/A-2u", "PDF/A-3a", "PDF/A-3b", "PDF/A-3u",
    "PDF/A-4", "PDF/A-4e", "PDF/A-4f",
]  # fmt: skip


class DocumentFeature(StrEnum):
    """What a PDF may have, and a contract may forbid."""

    ABSENT_FONTS = "fonts-not-embedded"
    ENCRYPTION = "encryption"
    ATTACHMENTS = "attachments"
    XFA = "xfa"
    JAVASCRIPT = "javascript"
    LAUNCH = "launch"


class DocumentSpecification(SpecificationTable):
    """What a contract asks of PDFs. Every key is optional, and at least one has to be there."""

    check: Literal["document-specification"]
    versions: UniqueList[PdfVersion] = Field(default=(), description="allowed versions of PDF")
    claims: UniqueList[PdfClaim] = Field(
        default=(), description="PDF/A levels of which it claims one; a claim is no proof"
    )
    forbidden: UniqueList[Annotated[DocumentFeature, Field(strict=False)]] = Field(
        default=(), description="what it may not have"
    )
    least_pages: int | None = Field(default=None, ge=1, description="so many pages at least")
    most_pages: int | None = Field(default=None, ge=1, description="so many pages at most")

    @model_validator(mode="after")
    def _asks_for_something(self) -> DocumentSpecification:
        if not (self.versions or self.claims or self.forbidden or self.least_pages or self.most_pages):
            raise ValueError(
                "asks for nothing: give it versions, claims, forbidden, least_pages or most_pages"
            )
        if self.least_pages and self.most_pages and self.least_pages > self.most_pages:
            raise ValueError(f"least_pages = {self.least_pages} is more than most_pages = {self.most_pages}")
        return self
