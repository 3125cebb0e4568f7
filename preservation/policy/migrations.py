"""The migrations that a rule can ask for, and their options.

``normalization.jobs.MIGRATIONS`` has a way to make each of them.
"""

from typing import Annotated, ClassVar, Literal, TypeAlias

from pydantic import Field

from preservation.model.decisions import Migration, MigrationName
from preservation.policy.words import PolicyTable, members_of


class MigrationTable(PolicyTable):
    """A migration as a rule writes it: its name and its options."""

    extension: ClassVar[str]
    """Of the files that it makes, with its dot."""

    migration: str

    def as_migration(self) -> Migration:
        """Return it as stages know it: a name, and every option with its value."""
        options = self.model_dump(mode="json", exclude_none=True)
        return Migration(MigrationName(options.pop("migration")), options)


class ImageToTiff(MigrationTable):
    """Raster image to baseline TIFF 6.0."""

    extension = ".tif"
    migration: Literal["image-to-tiff"]
    compression: Literal["none", "lzw"] = Field(default="none", description="both are lossless")


class ImageToJp2(MigrationTable):
    """Raster image to JPEG 2000 part 1, lossless."""

    extension = ".jp2"
    migration: Literal["image-to-jp2"]


class ImageToJpeg(MigrationTable):
    """Raster image to a JPEG for reading rooms and web pages."""

    extension = ".jpg"
    migration: Literal["image-to-jpeg"]
    quality: int = Field(default=85, ge=1, le=95, description="1 to 95")
    long_edge: int | None = Field(
        default=None, ge=16, le=65500, description="longest side in pixels; the source's own where left out"
    )


class PdfToText(MigrationTable):
    """The text layer of a PDF as plain text, UTF-8."""

    extension = ".txt"
    migration: Literal["pdf-to-text"]


PreservationMigration: TypeAlias = Annotated[ImageToTiff | ImageToJp2, Field(discriminator="migration")]
AccessMigration: TypeAlias = Annotated[ImageToJpeg | PdfToText, Field(discriminator="migration")]

EXTENSIONS = {
    MigrationName(name): table.extension
    for union in (PreservationMigration, AccessMigration)
    for name, table in members_of(union, "migration", MigrationTable).items()
}
"""Of the files that each migration makes."""
