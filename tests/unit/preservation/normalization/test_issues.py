"""A file without the preservation copy that the policy asks for is an issue, and is told."""

from __future__ import annotations

import msgspec
from support.packages import a_derivative, a_refusal

from preservation.model.derivatives import Purpose
from preservation.model.issues import Severity
from preservation.normalization.issues import NOT_MADE, not_made, not_made_sentence


def test_a_refused_preservation_copy_is_an_issue_of_its_file():
    (issue,) = not_made([a_derivative("b.bmp", b"x"), a_refusal("a.gif")])
    assert (issue.code, issue.severity, issue.path) == (NOT_MADE, Severity.WARNING, "a.gif")
    assert "an animation of 12 frames" in issue.message
    sentence = not_made_sentence([a_refusal("a.gif")])
    assert sentence == " 1 file has no preservation copy, which the policy asks for."


def test_a_refused_access_copy_is_none():
    refused = msgspec.structs.replace(a_refusal("a.pdf"), purpose=Purpose.ACCESS)
    assert list(not_made([refused])) == []
    assert not_made_sentence([refused]) == ""
