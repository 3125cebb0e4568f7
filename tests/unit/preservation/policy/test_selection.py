"""What a policy says of a file, and why."""

from __future__ import annotations

import pytest
from support.policies import a_file, a_policy, a_rule

from preservation.model.decisions import Action, Decision, Migration
from preservation.policy.explanation import RuleNotTaken, explain
from preservation.policy.schema import Policy
from preservation.policy.selection import decide, is_descriptive, is_junk, is_left_out

INTAKE = """[intake]
junk = ["Thumbs.db", "**/__MACOSX/**"]
junk_action = "{}"
descriptive = ["*.dc.xml"]
"""


@pytest.fixture(scope="module")
def policy() -> Policy:
    return a_policy(
        INTAKE.format("leave-out"),
        a_rule(
            "bmp",
            'puid = ["fmt/116", "fmt/119"]',
            'normalize = { migration = "image-to-tiff", compression = "lzw" }\n'
            'prove = ["same-pixels", "same-profile"]\n'
            'accept_loss = ["bmp:intent"]\n'
            'access = { migration = "image-to-jpeg", long_edge = 900 }',
        ),
        a_rule("covers", 'puid = ["fmt/353"], path = ["covers/*"]', 'action = "ask"'),
        a_rule("pages", 'puid = ["fmt/353"], path = ["pages/**"]', 'action = "reject"'),
        a_rule("notes", 'unidentified = true, extension = ["TXT"]'),
    )


def test_the_rule_that_takes_a_file_gives_its_whole_word(policy: Policy):
    assert decide(policy, a_file("a.bmp", "fmt/119")) == Decision(
        path="a.bmp",
        action=Action.NORMALIZE,
        rule="bmp",
        because="Because bmp.",
        normalize=Migration("image-to-tiff", {"compression": "lzw"}),
        prove=("same-pixels", "same-profile"),
        access=Migration("image-to-jpeg", {"quality": 85, "long_edge": 900}),
        accept_loss=("bmp:intent",),
    )


@pytest.mark.parametrize(
    ("path", "puid", "action", "rule"),
    [
        ("covers/1.tif", "fmt/353", Action.ASK, "covers"),
        ("pages/a/1.tif", "fmt/353", Action.REJECT, "pages"),
        ("other/1.tif", "fmt/353", Action.RETAIN, "otherwise"),
        ("pages/1.bmp", None, Action.RETAIN, "otherwise"),
        ("a.txt", None, Action.RETAIN, "notes"),
        ("a.txt", "x-fmt/111", Action.RETAIN, "otherwise"),
        ("a/thumbs.db", "fmt/682", Action.LEAVE_OUT, "junk"),
        ("x/__MACOSX/a.bmp", "fmt/116", Action.LEAVE_OUT, "junk"),
    ],
)
def test_every_file_gets_a_decision_and_a_reason(
    policy: Policy, path: str, puid: str | None, action: Action, rule: str
):
    decision = decide(policy, a_file(path, puid))
    assert (decision.action, decision.rule) == (action, rule)
    assert decision.because


def test_a_format_in_doubt_is_taken_by_no_rule_on_formats(policy: Policy):
    certain = a_file("a.bmp", "fmt/116")
    in_doubt = type(certain)(
        certain.path,
        1,
        0,
        {},
        type(certain.identification)(certain.identification.matches, None, certain.identification.mime),
    )
    assert decide(policy, in_doubt).rule == "otherwise"


def test_junk_that_is_kept_is_decided_on_like_anything_else():
    policy = a_policy(INTAKE.format("keep"))
    assert decide(policy, a_file("Thumbs.db")).rule == "otherwise"
    assert is_junk(policy, "Thumbs.db")
    assert not is_left_out(policy, "Thumbs.db")


def test_junk_and_descriptive_metadata_are_told_by_their_patterns(policy: Policy):
    assert is_left_out(policy, "a/Thumbs.db")
    assert is_descriptive(policy, "a/map.DC.xml")
    assert not is_descriptive(policy, "a/map.xml")


def test_a_policy_without_patterns_calls_nothing_junk_or_descriptive():
    assert not is_junk(a_policy(), "Thumbs.db")
    assert not is_descriptive(a_policy(), "dc.xml")


def test_an_explanation_gives_the_reasons_on_both_sides(policy: Policy):
    explained = explain(policy, a_file("covers/1.tif", "fmt/353"))
    assert explained.reason == "its format is fmt/353, Some Format 1.0 and its path fits covers/*"
    assert explained.would == "The drop would wait until an archivist has decided."
    assert explained.passed_over == (
        RuleNotTaken("bmp", "its format (fmt/353, Some Format 1.0) is none of those named"),
        RuleNotTaken("pages", "its path fits none of the patterns"),
        RuleNotTaken("notes", "its format is known (fmt/353, Some Format 1.0)"),
    )


def test_an_explanation_says_what_would_be_made(policy: Policy):
    assert explain(policy, a_file("a.bmp", "fmt/116")).would == (
        "It would be kept as it is. "
        "A second form would be made by image-to-tiff (compression lzw) and kept if proved: "
        "same-pixels, same-profile. It may leave behind, where the file has it: bmp:intent. "
        "An access copy would be made by image-to-jpeg (quality 85, "
        "long_edge 900)."
    )
    assert explain(policy, a_file("x.dc.xml")).would == (
        "It would be kept as it is. A copy of it would be put at metadata/descriptive/supplied/x.dc.xml."
    )


@pytest.mark.parametrize(
    ("path", "puid", "reason", "would"),
    [
        ("Thumbs.db", None, "it fits a pattern of junk", "It would be left out, and listed as left out."),
        ("pages/1", "fmt/353", "its format is fmt/353", "The whole drop would be rejected."),
        (
            "a.txt",
            None,
            "its format is unknown format and its extension is txt",
            "It would be kept as it is.",
        ),
        ("a", None, "no rule takes it", "It would be kept as it is."),
    ],
)
def test_every_end_is_explained(policy: Policy, path: str, puid: str | None, reason: str, would: str):
    explained = explain(policy, a_file(path, puid))
    assert explained.reason.startswith(reason)
    assert explained.would == would
