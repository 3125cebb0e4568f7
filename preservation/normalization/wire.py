"""What the stage asks of the job in a cage, and what that answers."""

from typing import Final

import msgspec

from preservation.model.decisions import Migration, MigrationName, ProofName
from preservation.model.derivatives import Proof
from preservation.model.events import Agent
from preservation.model.screening import ImageFacts
from preservation.rasters.families import Family

MADE_AS: Final = {
    MigrationName("image-to-tiff"): Family.TIFF,
    MigrationName("image-to-jp2"): Family.JPEG_2000,
    MigrationName("image-to-jpeg"): Family.JPEG,
}
"""What each migration of images makes."""


class ConversionOrder(msgspec.Struct, frozen=True):
    """One derivative to be made, and how it is to be proved. ``pixel_limit`` holds for each page."""

    migration: Migration
    prove: tuple[ProofName, ...]
    pixel_limit: int
    accept_loss: tuple[str, ...] = ()


class Made(msgspec.Struct, frozen=True):
    """What was made, and how it compares. Whether the proofs hold is for the stage to see.

    ``left_behind`` names what of the source it does not hold; ``facts`` are what was found in it.
    """

    format_name: str
    proofs: tuple[Proof, ...]
    encoder: Agent
    decoder: Agent | None
    left_behind: tuple[str, ...] = ()
    facts: ImageFacts | None = None
