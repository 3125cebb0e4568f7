"""What a policy says of drops that are still arriving, and of the signs that they are complete."""

from __future__ import annotations

import pytest
from support.policies import a_file, a_policy, policy_text

from preservation.errors import ConfigurationError
from preservation.model.decisions import Action
from preservation.model.paths import RelativePath
from preservation.policy.explanation import explain
from preservation.policy.intake import CompleteWhen, VirusScan
from preservation.policy.load import parse
from preservation.policy.selection import decide, is_junk, is_left_out
from preservation.policy.shipped import shipped_policies

SENTINEL = '[intake]\ncomplete_when = "sentinel"\n'


def test_what_is_left_out_has_the_documented_default():
    terms = a_policy().terms
    assert terms.intake.settle == 30
    assert terms.intake.complete_when is CompleteWhen.QUIET
    assert terms.intake.sentinels == (".done", ".ready")
    assert terms.intake.metadata == ("mets.xml", "*.csv")
    assert {"*.part", "*.tmp", "~*", ".*.??????"} <= set(terms.intake.temporary)
    assert terms.intake.grouping == 0
    assert terms.intake.virus_scan is VirusScan.OFF
    assert terms.intake.virus_signatures_days == 7
    assert terms.retention.accepted_days == 30


def test_every_key_can_be_set():
    policy = a_policy(
        "[intake]\n"
        'settle = 600\ncomplete_when = "metadata"\nsentinels = ["READY"]\ntemporary = []\n'
        'metadata = ["*.mets.xml"]\ngrouping = 2\nvirus_scan = "require"\nvirus_signatures_days = 1\n'
        "[retention]\naccepted_days = 0\n"
    )
    intake = policy.terms.intake
    assert (intake.settle, intake.complete_when, intake.sentinels) == (600, CompleteWhen.METADATA, ("READY",))
    assert (intake.temporary, intake.metadata, intake.grouping) == ((), ("*.mets.xml",), 2)
    assert (intake.virus_scan, intake.virus_signatures_days) == (VirusScan.REQUIRE, 1)
    assert policy.terms.retention.accepted_days == 0


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        ("settle = 0", "intake.settle: must be at least 1, not 0"),
        ("settle = 0.5", "intake.settle: must be a whole number, not 0.5"),
        ("settle = 86401", "intake.settle: must be at most 86400, not 86401"),
        ("grouping = -1", "intake.grouping: must be at least 0, not -1"),
        (
            'complete_when = "soon"',
            "intake.complete_when: must be 'quiet', 'sentinel', 'manifest' or 'metadata'",
        ),
        ('virus_scan = "yes"', "intake.virus_scan: must be 'off', 'if-available' or 'require', not 'yes'"),
        ("virus_signatures_days = 0", "intake.virus_signatures_days: must be at least 1, not 0"),
        ('sentinels = ["a/b"]', "intake.sentinels.item 1: 'a/b' is no file's name; write one as it is"),
        ('sentinels = ["*.done"]', "intake.sentinels.item 1: '*.done' is no file's name"),
        ('sentinels = [".done", ".done"]', "intake.sentinels: names .done more than once"),
        ('temporary = ["/x"]', "intake.temporary.item 1: '/x' takes no file"),
        (
            'complete_when = "sentinel"\nsentinels = []',
            'intake: complete_when = "sentinel" needs sentinels, and there are none',
        ),
        (
            'complete_when = "metadata"\nmetadata = []',
            'intake: complete_when = "metadata" needs patterns in metadata, and there are none',
        ),
    ],
)
def test_a_fault_is_told_with_its_place(line: str, fault: str):
    with pytest.raises(ConfigurationError) as caught:
        parse(policy_text(f"[intake]\n{line}\n").encode(), "p.toml")
    (told,) = caught.value.faults
    assert fault in told


def test_a_sign_that_the_drop_is_complete_is_left_out_whatever_becomes_of_junk():
    policy = a_policy(SENTINEL + 'junk_action = "keep"\n')
    file = a_file(".done")
    decision = decide(policy, file)
    assert is_junk(policy, file.path)
    assert is_left_out(policy, file.path)
    assert decision.action is Action.LEAVE_OUT
    assert decision.because == "Its name said that the drop was complete, and nothing else."
    assert explain(policy, file).reason == "it is the sign that the drop is complete"


@pytest.mark.parametrize("path", ["sub/.done", "a.done", ".DONE", "done"])
def test_what_only_looks_like_a_sign_is_kept(path: str):
    assert not is_left_out(a_policy(SENTINEL), RelativePath(path))


def test_without_the_policy_asking_for_one_no_file_is_a_sign():
    assert not is_junk(a_policy(), RelativePath(".done"))
    assert not is_left_out(a_policy('[intake]\ncomplete_when = "manifest"\n'), RelativePath(".done"))


@pytest.mark.parametrize("name", [name for name in shipped_policies() if name.endswith(".toml")])
def test_shipped_policies_ask_for_no_more_than_quiet(name: str):
    intake = parse(shipped_policies()[name], name).terms.intake
    assert (intake.settle, intake.complete_when) == (30, CompleteWhen.QUIET)
