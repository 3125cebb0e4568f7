"""What normalization made, or refused to make, and how it was proved."""

from dataclasses import dataclass
from enum import StrEnum

import msgspec

from preservation.model.decisions import Migration, ProofName
from preservation.model.digests import Digests
from preservation.model.events import Agent
from preservation.model.formats import Identification
from preservation.model.paths import RelativePath
from preservation.model.screening import ImageFacts


class Purpose(StrEnum):
    """What a derivative is for: kept in the package, or made to be remade."""

    PRESERVATION = "preservation"
    ACCESS = "access"


@dataclass(frozen=True, slots=True)
class Proof:
    """One comparison of a derivative with its source. ``detail`` gives the figures on both sides."""

    name: ProofName
    holds: bool
    detail: str


class Derivative(msgspec.Struct, frozen=True, tag="derivative"):
    """A file made from ``source`` and proved. ``path`` is the source's path with another extension.

    Its bytes lie in the submission's workspace under ``<purpose>/<path>``. ``left_behind`` names what the
    source holds and it does not; ``identification`` and ``image`` are what was found of it, as of originals.
    """

    source: RelativePath
    purpose: Purpose
    migration: Migration
    path: RelativePath
    size: int
    digests: Digests
    format_name: str
    proofs: tuple[Proof, ...]
    encoder: Agent
    decoder: Agent | None
    left_behind: tuple[str, ...] = ()
    identification: Identification | None = None
    image: ImageFacts | None = None


class RefusedDerivative(msgspec.Struct, frozen=True, tag="refused"):
    """A derivative that could not be made, or was made and not proved. The original is kept either way."""

    source: RelativePath
    purpose: Purpose
    migration: Migration
    reason: str
    proofs: tuple[Proof, ...] = ()
