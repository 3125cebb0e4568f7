"""A policy file as a whole: its sections, and the policy that was read from it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from typing import Annotated, TypeAlias, TypeVar

from pydantic import AfterValidator, Field, model_validator

from preservation.fixity.digesting import digest_bytes
from preservation.model.amounts import count
from preservation.model.decisions import PolicyReference
from preservation.model.digests import Algorithm, HexDigest
from preservation.model.identifiers import StoreName
from preservation.policy.fixity import Fixity
from preservation.policy.globs import PathMatcher
from preservation.policy.intake import CompleteWhen, Intake
from preservation.policy.orders import Ordering
from preservation.policy.rule_matchers import RuleMatchers
from preservation.policy.rules import Otherwise, Rule
from preservation.policy.schema_files import SchemaFile
from preservation.policy.screen_tables import ScreenTable
from preservation.policy.screens import Screen
from preservation.policy.versions import Versions
from preservation.policy.words import PolicyTable, Sentence, Slug, UniqueList

Kind = TypeVar("Kind", bound=ScreenTable)

_LABEL = r"[A-Za-z0-9][A-Za-z0-9-]*"
_OUR_LABELS = frozenset(
    {
        "bag-size",
        "bag-software-agent",
        "bagging-date",
        "external-identifier",
        "internal-sender-identifier",
        "payload-oxum",
    }
)
_OUR_PREFIX = "muniment-"


class FormatIdentification(PolicyTable):
    """``[identification]``: how formats are found out."""

    second_opinion: bool = Field(
        default=True,
        description="ask a second engine where the first is silent, undecided or goes by the name",
    )


def _label(text: str) -> str:
    if re.fullmatch(_LABEL, text) is None:
        raise ValueError(f"{text!r} is not a bag-info label; write it as in Source-Organization")
    if text.lower() in _OUR_LABELS or text.lower().startswith(_OUR_PREFIX):
        raise ValueError(f"{text} is written by Muniment itself")
    return text


def _unforgeable(algorithm: Algorithm) -> Algorithm:
    if algorithm in {Algorithm.MD5, Algorithm.SHA1}:
        raise ValueError(
            f"{algorithm} can be forged; take sha256 or sha512, and name it in additional_algorithms"
        )
    return algorithm


Label: TypeAlias = Annotated[str, AfterValidator(_label)]


class Packaging(PolicyTable):
    """``[packaging]``: the bag. ``algorithm`` is that of its manifests (RFC 8493 section 2.4)."""

    algorithm: Annotated[Algorithm, AfterValidator(_unforgeable)] = Field(
        default=Algorithm.SHA256,
        strict=False,
        json_schema_extra={"enum": ["sha256", "sha512"]},
        description="digests of the manifests by which replicas are verified",
    )
    additional_algorithms: UniqueList[Annotated[Algorithm, Field(strict=False)]] = Field(
        default=(), description="digests of further manifests"
    )
    bag_info: dict[Label, Sentence] = Field(
        default={},
        json_schema_extra={"propertyNames": {"pattern": f"^{_LABEL}$"}},
        description="lines for bag-info.txt",
    )


class Replication(PolicyTable):
    """``[replication]``: how many verified copies, in how many places, make a package *stored*."""

    copies: int = Field(ge=1, description="replicas, each read back and matched")
    sites: int = Field(ge=1, description="places on which these are, at most as many as copies")
    stores: UniqueList[StoreName] = Field(default=(), description="stores to use; all where left out")

    @model_validator(mode="after")
    def _can_be_reached(self) -> Replication:
        copies = count(self.copies, "copy", "copies")
        if self.sites > self.copies:
            raise ValueError(f"{copies} cannot be on {count(self.sites, 'site')}")
        if self.stores and len(self.stores) < self.copies:
            raise ValueError(f"{copies} cannot be in {count(len(self.stores), 'named store')}")
        return self


class Retention(PolicyTable):
    """``[retention]``: how long a drop stays in the folder of those that were answered."""

    accepted_days: int = Field(
        default=30,
        ge=0,
        le=36_500,
        description="days for which a drop stays in accepted/ once it is stored; its replicas are verified "
        "again before it is removed",
    )


class Terms(PolicyTable):
    """All that a policy file says."""

    policy: Slug = Field(description="the policy's name")
    revision: int = Field(ge=1, description="to be raised with every change that is put to use")
    description: Sentence | None = Field(default=None, description="one line")
    intake: Intake = Field(default=Intake(), description="what comes in")
    order: Ordering = Field(default=Ordering(), description="what was ordered?")
    identification: FormatIdentification = Field(default=FormatIdentification(), description="what is it?")
    screens: tuple[Screen, ...] = Field(
        default=(), strict=False, alias="screen", description="is it fit to keep?"
    )
    rules: tuple[Rule, ...] = Field(
        default=(), strict=False, alias="rule", description="what is done with it?"
    )
    otherwise: Otherwise = Field(description="what is done with every file that no rule takes")
    packaging: Packaging = Field(default=Packaging(), description="how is it packed?")
    replication: Replication = Field(description="where is it kept?")
    fixity: Fixity = Field(default=Fixity(), description="how often is it read again?")
    versions: Versions = Field(default=Versions(), description="what does a further version mean?")
    retention: Retention = Field(default=Retention(), description="how long does the drop itself stay?")


@dataclass(frozen=True)
class Policy:
    """A policy that was read and found sound: what it says, and the very bytes that say it.

    Made by ``preservation.policy.load``; the bytes go into every package that it shaped. ``schemas`` are the
    files of the XML schemas that it names, in the order of their paths, with those that they name.
    """

    terms: Terms
    source: bytes
    schemas: tuple[SchemaFile, ...] = ()

    @cached_property
    def matchers(self) -> RuleMatchers:
        """Its rules, ready to be held against files."""
        return RuleMatchers(self.terms.rules)

    def screen(self, kind: type[Kind]) -> Kind | None:
        """Return the policy's screen of that kind; ``None`` where it lists none: no check is made then."""
        return next((screen for screen in self.terms.screens if isinstance(screen, kind)), None)

    def screens(self, kind: type[Kind]) -> tuple[Kind, ...]:
        """Return all of the policy's screens of that kind, in its order."""
        return tuple(screen for screen in self.terms.screens if isinstance(screen, kind))

    @cached_property
    def junk(self) -> PathMatcher:
        """What is not meant to be kept."""
        return PathMatcher(self.terms.intake.junk)

    @cached_property
    def signs(self) -> frozenset[str]:
        """Names of the files, at the top of a drop, that only say that it is complete."""
        intake = self.terms.intake
        return frozenset(intake.sentinels if intake.complete_when is CompleteWhen.SENTINEL else ())

    @cached_property
    def descriptive(self) -> PathMatcher:
        """What describes the object rather than being part of it."""
        return PathMatcher(self.terms.intake.descriptive)

    @cached_property
    def reference(self) -> PolicyReference:
        """Which policy this is, exactly.

        The digest is that of the policy file; where it names schemas, of the file followed by a line for each
        of them, as ``sha256sum`` writes it: with another schema it is another policy.
        """
        lines = (f"{_sha256(file.content)}  {file.path}\n".encode() for file in self.schemas)
        digest = _sha256(b"".join((self.source, *lines)))
        return PolicyReference(self.terms.policy, self.terms.revision, digest)


def _sha256(content: bytes) -> HexDigest:
    return digest_bytes(content, (Algorithm.SHA256,))[Algorithm.SHA256]
