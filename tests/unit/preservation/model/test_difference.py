"""The difference between two versions, by their originals, and what a policy makes of it."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.records import package_named, sha256_of

from preservation.model.difference import ChangeKind, Original, changes_between, changes_in_words
from preservation.model.issues import Severity
from preservation.model.packages import EarlierShare, earlier_share_in, stated_share
from preservation.model.paths import RelativePath, path_order
from preservation.planning.further_version import issues_of_version
from preservation.policy.versions import VersionAction, Versions

V1 = package_named("maps/sheet-012/v1")


def originals(files: dict[str, str]) -> list[Original]:
    return [(RelativePath(path), sha256_of(files[path])) for path in sorted(files, key=path_order)]


def kinds(before: dict[str, str], now: dict[str, str]) -> dict[str, str]:
    changes = changes_between(originals(before), originals(now))
    return {one.path: f"{one.before}>" if one.before else one.kind.value for one in changes.files}


def test_each_original_that_is_not_as_it_was_is_named_with_what_became_of_it():
    before = {"a": "1", "b": "2", "c": "3", "z": "same"}
    now = {"a": "1*", "c new": "3", "d": "4", "z": "same"}
    assert kinds(before, now) == {"a": "changed", "b": "removed", "c new": "c>", "d": "added"}
    difference = changes_between(originals(before), originals(now)).since(V1)
    assert changes_in_words(difference) == "1 added, 1 changed, 1 renamed, 1 removed"
    assert (difference.originals, difference.is_unrelated) == (4, False)


def test_of_two_copies_of_which_one_is_gone_one_is_removed():
    assert kinds({"a": "1", "b": "1"}, {"b": "1"}) == {"a": "removed"}
    assert kinds({"a": "1", "b": "1"}, {"c": "1"}) == {"c": "a>", "b": "removed"}


def test_of_several_files_with_the_same_bytes_those_with_the_most_alike_names_are_one_renamed():
    before = {"A.TXT": "1", "U\u0308bersicht.txt": "2", "box/page.tif": "3"}
    now = {
        "100%.txt": "2",
        "a copy.txt": "1",
        "a.txt": "1",
        "folder/page.tif": "3",
        "b.tif": "3",
        "Übersicht.txt": "2",
    }
    assert kinds(before, now) == {
        "100%.txt": "added",
        "a copy.txt": "added",
        "a.txt": "A.TXT>",
        "b.tif": "added",
        "folder/page.tif": "box/page.tif>",
        "Übersicht.txt": "U\u0308bersicht.txt>",
    }


_FILES = st.dictionaries(st.sampled_from(["a", "b/c", "b.d", "ä", "e", "f"]), st.sampled_from("1234"))


@given(before=_FILES, now=_FILES)
def test_the_changes_make_the_one_version_out_of_the_other(before: dict[str, str], now: dict[str, str]):
    changes = changes_between(originals(before), originals(now))
    made = dict(before)
    for one in changes.files:
        if one.kind is ChangeKind.REMOVED:
            del made[one.path]
        if one.before is not None:
            assert before[one.before] == now[one.path]
            del made[one.before]
    made |= {one.path: now[one.path] for one in changes.files if one.kind is not ChangeKind.REMOVED}
    assert made == now
    assert changes.originals == len(before)
    in_common = before.keys() & now.keys() or set(before.values()) & set(now.values())
    assert changes.since(V1).is_unrelated is not bool(in_common)
    # What is called removed is lost to the version under that name, and not only moved.
    lost = Counter(before.values()) - Counter(now.values())
    assert len(changes.of_kind(ChangeKind.REMOVED)) >= lost.total() - len(changes.of_kind(ChangeKind.CHANGED))


def test_a_name_that_is_alike_in_every_object_is_nothing_in_common():
    before, now = {"checksums.md5": "1", "a": "2"}, {"checksums.md5": "3", "b": "4"}
    one = changes_between(originals(before), originals(now), lambda path: not path.endswith(".md5"))
    assert one.since(V1).is_unrelated
    assert not changes_between(originals(before), originals(now)).since(V1).is_unrelated


SEVERITIES = {
    VersionAction.KEEP: Severity.WARNING,
    VersionAction.ASK: Severity.QUESTION,
    VersionAction.REJECT: Severity.ERROR,
}


@pytest.mark.parametrize("action", list(VersionAction))
def test_the_policy_says_what_a_removal_means_and_the_issue_names_what_is_gone(action: VersionAction):
    changes = changes_between(
        originals({f"p{number}.tif": str(number) for number in range(6)}), originals({"p0.tif": "0"})
    )
    [issue] = issues_of_version(changes.since(V1), changes.files, Versions(removed=action))
    assert (issue.code, issue.severity) == ("VER-006", SEVERITIES[action])
    assert issue.message == (
        "maps/sheet-012/v1 has 5 files that the drop does not have: p1.tif, p2.tif, p3.tif and 2 more."
    )
    assert issue.next_step


@pytest.mark.parametrize("unrelated", list(VersionAction))
@pytest.mark.parametrize("removed", list(VersionAction))
def test_what_has_nothing_in_common_is_asked_about_once_unless_a_removal_is_graver(
    removed: VersionAction, unrelated: VersionAction
):
    changes = changes_between(originals({"a": "1"}), originals({"b": "2"}))
    found = issues_of_version(
        changes.since(V1), changes.files, Versions(removed=removed, unrelated=unrelated)
    )
    by_code = {issue.code: issue.severity for issue in found}
    assert by_code.pop("VER-007") is SEVERITIES[unrelated]
    order = list(Severity)
    graver = order.index(SEVERITIES[removed]) > order.index(SEVERITIES[unrelated])
    assert by_code == ({"VER-006": SEVERITIES[removed]} if graver else {})


def test_a_version_that_lacks_nothing_is_no_issue():
    changes = changes_between(originals({"a": "1"}), originals({"a": "1", "b": "2"}))
    assert not list(
        issues_of_version(changes.since(V1), changes.files, Versions(removed=VersionAction.REJECT))
    )


@given(
    by_version=st.dictionaries(st.integers(1, 999), st.integers(1, 10**9), min_size=1), size=st.integers(0)
)
def test_what_an_event_states_to_lie_in_earlier_versions_is_read_again(by_version: dict[int, int], size: int):
    words = ", ".join(f"{files} in v{version}" for version, files in sorted(by_version.items()))
    note = f"9 originals, 1 derivatives, 8 bytes of payload; {stated_share(words, size)}"
    assert earlier_share_in(note) == EarlierShare(sum(by_version.values()), size)


def test_what_0_1_0_stated_is_read_without_bytes_and_nothing_is_nothing():
    note = (
        "8 originals, 0 derivatives, 9 bytes of payload; of its files, these lie in earlier versions: 7 in v1"
    )
    assert earlier_share_in(note) == EarlierShare(7, None)
    assert earlier_share_in("8 originals, 0 derivatives, 9 bytes of payload") == EarlierShare(0, 0)
