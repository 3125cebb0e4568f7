"""What is written is what is read, no typing error is passed over, and every file is decided on."""

from __future__ import annotations

import json
import tomllib
from functools import partial
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.policies import a_file, policy_text

from preservation.errors import ConfigurationError
from preservation.policy.explanation import explain
from preservation.policy.globs import PathMatcher, PathPattern, can_both_match, path_pattern
from preservation.policy.load import parse
from preservation.policy.places import Steps, lines_of
from preservation.policy.schema import Policy
from preservation.policy.selection import decide
from preservation.policy.shipped import shipped_policies

untimed = settings(deadline=None)

PUIDS = ["fmt/1", "fmt/2", "x-fmt/3"]
EXTENSIONS = ["tif", "txt", "xml"]
PATTERNS = ["*.tif", "a/*", "b/**", "**/c/*", "x*", "*y", "?", "a/b/*.txt", "**"]
NAMES = ["x", "b", "xy", "1.tif", "y.txt", "x.TIF", ".xml"]
FILES = [
    a_file(folder + name, puid)
    for folder in ("", "a/", "b/", "a/b/", "b/c/")
    for name in NAMES
    for puid in (None, *PUIDS)
]

sentences = st.text(st.characters(codec="utf-8"), min_size=1).filter(
    lambda text: text.isprintable() and text.strip()
)
slugs = st.from_regex(r"[a-z0-9][a-z0-9-]{0,20}", fullmatch=True)
outcomes = st.sampled_from(["reject", "ask", "warn"])
verbs = st.sampled_from(["retain", "ask", "reject"])
some = partial(st.lists, unique=True, max_size=3)
patterns = some(st.sampled_from(PATTERNS))
conditions = st.fixed_dictionaries(
    {},
    optional={
        "puid": some(st.sampled_from(PUIDS), min_size=1),
        "extension": some(st.sampled_from(EXTENSIONS), min_size=1),
        "path": some(st.sampled_from(PATTERNS), min_size=1),
        "unidentified": st.just(value=True),
    },
).filter(lambda when: when and not {"puid", "unidentified"} <= when.keys())
to_tiff = st.fixed_dictionaries(
    {"migration": st.just("image-to-tiff")}, optional={"compression": st.sampled_from(["none", "lzw"])}
)
to_jpeg = st.fixed_dictionaries(
    {"migration": st.just("image-to-jpeg")},
    optional={"quality": st.integers(1, 95), "long_edge": st.integers(16, 65500)},
)
consequences = st.one_of(
    st.fixed_dictionaries({"action": verbs}),
    st.fixed_dictionaries({"action": st.just("retain"), "access": to_jpeg}),
    st.fixed_dictionaries(
        {"normalize": to_tiff, "prove": some(st.sampled_from(["same-pixels", "same-profile"]), min_size=1)},
        optional={
            "access": to_jpeg,
            "accept_loss": some(st.sampled_from(["png:tEXt", "jpeg:APP1.FLIR", "tiff:65000"])),
        },
    ),
)
checks = st.sampled_from(["not-empty", "known-format", "sound-documents", "safe-archives"])


@st.composite
def rules(draw: st.DrawFn) -> list[dict[str, Any]]:
    ids = draw(
        st.lists(slugs.filter(lambda slug: slug not in {"junk", "otherwise"}), unique=True, max_size=4)
    )
    return [
        {"id": name, "because": draw(sentences), "when": draw(conditions), **draw(consequences)}
        for name in ids
    ]


@st.composite
def documents(draw: st.DrawFn) -> dict[str, Any]:
    """Documents in which nothing is wrong, but that rules may overlap."""
    screens: list[dict[str, Any]] = [
        {"check": check, "outcome": draw(outcomes), "because": draw(sentences)}
        for check in draw(st.lists(checks, unique=True))
    ]
    screens.append({"check": "irregular-entries", "outcome": "reject", "because": draw(sentences)})
    copies = draw(st.integers(1, 9))
    algorithms = some(st.sampled_from(["md5", "sha1", "sha256", "sha512"]))
    optional = {
        "description": sentences,
        "intake": st.fixed_dictionaries(
            {},
            optional={
                "junk": patterns,
                "junk_action": st.sampled_from(["keep", "leave-out"]),
                "descriptive": patterns,
                "supplied_manifests": st.sampled_from(["verify-where-present", "require", "ignore"]),
            },
        ),
        "identification": st.fixed_dictionaries({}, optional={"second_opinion": st.booleans()}),
        "packaging": st.fixed_dictionaries(
            {},
            optional={
                "algorithm": st.sampled_from(["sha256", "sha512"]),
                "additional_algorithms": algorithms,
                "bag_info": st.dictionaries(
                    st.sampled_from(["Source-Organization", "Contact-Name"]), sentences
                ),
            },
        ),
    }
    return {
        "policy": draw(slugs),
        "revision": draw(st.integers(1, 2**62)),
        **draw(st.fixed_dictionaries({}, optional=optional)),
        "screen": screens,
        "rule": draw(rules()),
        "otherwise": {"action": draw(verbs), "because": draw(sentences)},
        "replication": {"copies": copies, "sites": draw(st.integers(1, copies))},
    }


def inline(value: object) -> str:
    match value:
        case bool() | int():
            return json.dumps(value)
        case str():
            return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
        case list():
            return f"[{', '.join(map(inline, value))}]"
        case dict():
            return f"{{ {', '.join(f'{json.dumps(key)} = {inline(item)}' for key, item in value.items())} }}"
        case _:
            raise TypeError(value)


def as_toml(document: dict[str, Any]) -> str:
    lines = []
    for key, value in sorted(document.items(), key=lambda item: isinstance(item[1], (dict, list))):
        match value:
            case dict():
                lines += [f"[{key}]", *(f"{name} = {inline(item)}" for name, item in value.items())]
            case list():
                for entry in value:
                    lines += [f"[[{key}]]", *(f"{name} = {inline(item)}" for name, item in entry.items())]
            case _:
                lines.append(f"{key} = {inline(value)}")
    return "\n".join(lines) + "\n"


def read(text: str) -> Policy | None:
    """Read a policy; ``None`` where all that is wrong is that rules overlap."""
    try:
        return parse(text.encode(), "p.toml")
    except ConfigurationError as error:
        faults = error.faults
    assert [fault for fault in faults if "could claim the same file" not in fault] == []
    return None


@untimed
@given(documents())
def test_what_is_written_is_what_is_read_unless_rules_overlap(document: dict[str, Any]):
    policy = read(as_toml(document))
    if policy is not None:
        found = policy.terms.model_dump(mode="json", by_alias=True, exclude_unset=True)
        assert found == {key: value for key, value in document.items() if key != "rule" or value}


@untimed
@given(documents(), st.data())
def test_a_typing_error_in_a_key_is_refused_with_its_line(document: dict[str, Any], data: st.DataObject):
    lines = as_toml(document).splitlines()
    keyed = [at for at, line in enumerate(lines) if not line.startswith("[")]
    at = data.draw(st.sampled_from(keyed))
    key, rest = lines[at].split(" = ", 1)
    place = data.draw(st.integers(0, len(key)))
    typo = key[:place] + data.draw(st.sampled_from("qz0")) + key[place:]
    lines[at] = f"{typo} = {rest}"
    with pytest.raises(ConfigurationError) as caught:
        parse("\n".join(lines).encode(), "p.toml")
    told = f"p.toml:{at + 1}: "
    # Without its "check" a screen is of no kind yet, and none of its keys can be known.
    assert any(
        (fault.startswith(told) and f"{typo}: there is no such key" in fault) or "'check' is missing" in fault
        for fault in caught.value.faults
    )


@untimed
@given(st.lists(conditions, min_size=2, max_size=4))
def test_every_file_is_decided_on_by_one_rule_at_most(chosen: list[dict[str, Any]]):
    rules = [{"id": f"r{n}", "because": "B.", "when": when, "action": "ask"} for n, when in enumerate(chosen)]
    policy = read(policy_text(as_toml({"rule": rules})))
    for file in FILES if policy is not None else ():
        takers = [claim for claim in policy.matchers.all if claim.unmet(file) is None]
        assert len(takers) <= 1
        decision = decide(policy, file)
        assert decision.rule == (takers[0].identifier if takers else "otherwise")
        assert decision.because
        explained = explain(policy, file)
        assert explained.decision == decision
        assert len(explained.passed_over) == len(rules) - len(takers)


segments = st.text("ab*?.", min_size=1, max_size=5).filter(
    lambda text: "**" not in text and text not in {".", ".."}
)
globs = st.lists(st.one_of(segments, st.just("**")), min_size=1, max_size=4).map("/".join).map(path_pattern)
short_paths = (
    st.lists(st.text("ab.", min_size=1, max_size=4), min_size=1, max_size=4).map("/".join)
)  # fmt: skip


def fits(pattern: list[str], path: list[str]) -> bool:
    """The plainest reading of a pattern there is: try everything."""
    if not pattern:
        return not path
    if pattern[0] == "**":
        return fits(pattern[1:], path) or (bool(path) and fits(pattern, path[1:]))
    return bool(path) and name_fits(pattern[0], path[0]) and fits(pattern[1:], path[1:])


def name_fits(pattern: str, name: str) -> bool:
    if not pattern:
        return not name
    if pattern[0] == "*":
        return name_fits(pattern[1:], name) or (bool(name) and name_fits(pattern, name[1:]))
    return bool(name) and pattern[0] in ("?", name[0]) and name_fits(pattern[1:], name[1:])


def plainly_matches(pattern: str, path: str) -> bool:
    wanted = pattern.split("/")
    if len(wanted) == 1:
        wanted = ["**", *wanted]
    if wanted[-1] == "**":
        wanted.append("*")
    return fits(wanted, path.split("/"))


@untimed
@given(globs, short_paths)
def test_patterns_mean_what_their_plainest_reading_says(pattern: PathPattern, path: str):
    assert PathMatcher([pattern]).matches(path) == plainly_matches(pattern, path)


@untimed
@given(globs, globs, short_paths)
def test_patterns_that_take_one_path_are_known_to_meet(left: PathPattern, right: PathPattern, path: str):
    if plainly_matches(left, path) and plainly_matches(right, path):
        assert can_both_match(left, right)


def places_in(value: object, steps: Steps = ()) -> set[Steps]:
    items: list[tuple[str | int, object]] = []
    if isinstance(value, dict):
        items = list(value.items())
    elif isinstance(value, list):
        items = list(enumerate(value))
    return {steps}.union(*(places_in(item, (*steps, step)) for step, item in items))


@untimed
@given(documents())
def test_everything_in_a_document_has_a_line_that_is_in_it(document: dict[str, Any]):
    text = as_toml(document)
    lines = lines_of(text)
    assert lines.keys() == places_in(tomllib.loads(text)) - {()}
    assert all(1 <= line <= text.count("\n") for line in lines.values())


@pytest.mark.parametrize("name", [name for name in shipped_policies() if name.endswith(".toml")])
def test_everything_in_a_shipped_policy_has_a_line(name: str):
    text = shipped_policies()[name].decode()
    assert lines_of(text).keys() == places_in(tomllib.loads(text)) - {()}
