"""What the stage asks of a caged worker and what it hears back. Imports no decoder: they stay in the cage."""

from __future__ import annotations

import msgspec

from preservation.model.decisions import Migration, ProofName
from preservation.model.derivatives import Proof
from preservation.model.events import Agent


class Order(msgspec.Struct, frozen=True):
    """One derivative to be made, and how it is to be proved. ``pixel_limit`` holds for each page."""

    migration: Migration
    prove: tuple[ProofName, ...]
    pixel_limit: int


class Made(msgspec.Struct, frozen=True):
    """What was made, and how it compares. Whether the proofs hold is for the hearer to see."""

    format_name: str
    proofs: tuple[Proof, ...]
    encoder: Agent
    decoder: Agent | None
