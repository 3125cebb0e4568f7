"""Policies and surveyed files for tests that ask what a policy says."""

from __future__ import annotations

from preservation.model.files import SurveyedFile
from preservation.model.formats import EngineName, FormatMatch, Identification, MimeType, Puid
from preservation.model.paths import RelativePath
from preservation.policy.load import parse
from preservation.policy.schema import Policy

HEAD = 'policy = "test"\nrevision = 7\n'
IRREGULAR = '[[screen]]\ncheck = "irregular-entries"\noutcome = "reject"\nbecause = "No files."\n'
OTHERWISE = '[otherwise]\naction = "retain"\nbecause = "Kept."\n'
REPLICATION = "[replication]\ncopies = 1\nsites = 1\n"


def policy_text(
    *sections: str,
    head: str = HEAD,
    irregular: str = IRREGULAR,
    otherwise: str = OTHERWISE,
    replication: str = REPLICATION,
) -> str:
    """The text of a sound policy with those sections in it; its own can be changed or left out."""
    return "\n".join((head, irregular, *sections, otherwise, replication))


def a_policy(*sections: str) -> Policy:
    return parse(policy_text(*sections).encode(), "test.toml")


def a_rule(name: str, when: str, rest: str = 'action = "retain"') -> str:
    return f'[[rule]]\nid = "{name}"\nbecause = "Because {name}."\nwhen = {{ {when} }}\n{rest}\n'


def a_file(path: str, puid: str | None = None) -> SurveyedFile:
    """A file that was surveyed and identified as ``puid``."""
    matches = ()
    if puid is not None:
        matches = (FormatMatch(Puid(puid), "Some Format", "1.0", "byte match", EngineName("siegfried")),)
    identification = Identification(matches, Puid(puid) if puid else None, MimeType("image/tiff"))
    return SurveyedFile(RelativePath(path), 1, 0, {}, identification)
