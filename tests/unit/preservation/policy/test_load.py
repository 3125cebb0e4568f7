"""Every fault of a policy file at once, each with its place."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from support.packages import a_map_sheet
from support.policies import HEAD, IRREGULAR, OTHERWISE, a_policy, a_rule, policy_text

from preservation.errors import ConfigurationError
from preservation.model.decisions import Migration
from preservation.model.digests import Algorithm
from preservation.packaging.payload import PayloadTally
from preservation.packaging.planning import bag_info_fields
from preservation.policy.load import load, parse

ONE = 'puid = ["fmt/1"]'
TO_TIFF = 'normalize = { migration = "image-to-tiff" }'


def faults_of(text: str | bytes) -> tuple[str, ...]:
    content = text if isinstance(text, bytes) else text.encode()
    with pytest.raises(ConfigurationError) as caught:
        parse(content, "p.toml")
    assert caught.value.exit_code == 2
    return caught.value.faults


def line_of(text: str, words: str) -> int:
    return next(number for number, line in enumerate(text.splitlines(), 1) if words in line)


def test_a_policy_knows_its_name_its_revision_and_the_digest_of_its_very_bytes(tmp_path: Path):
    text = policy_text("# kept as it is\r\n")
    file = tmp_path / "p.toml"
    file.write_bytes(text.encode())

    policy = load(file)

    assert policy.source == text.encode()
    assert str(policy.reference) == f"test revision 7 (sha256 {hashlib.sha256(text.encode()).hexdigest()})"


def test_what_is_left_out_has_the_documented_default():
    terms = a_policy().terms
    assert terms.intake.junk_action.value == "keep"
    assert terms.intake.supplied_manifests.value == "verify-where-present"
    assert terms.identification.second_opinion is True
    assert terms.packaging.algorithm is Algorithm.SHA256
    assert terms.packaging.additional_algorithms == ()
    assert terms.replication.stores == ()


def test_every_fault_is_told_at_once_and_in_the_order_of_the_lines():
    text = policy_text(
        "[intake]\njunk_action = 'burn'\njunc = []\n",
        a_rule("one", 'puid = ["fmt/1", "fmt/0"]'),
        a_rule("two", 'extension = [".tif"]', 'action = "retain"\nprove = ["same-pixels"]'),
        replication="[replication]\ncopies = 1\nsites = 2\n",
    )
    faults = faults_of(text)
    lines = [int(fault.split(":")[1]) for fault in faults]
    assert lines == sorted(lines)
    assert [fault.split(": ", 1)[1].split(":")[0] for fault in faults] == [
        "intake.junk_action",
        "intake.junc",
        'rule "one"',
        'rule "two"',
        'rule "two"',
        "replication",
    ]


@pytest.mark.parametrize(
    ("section", "line", "fault"),
    [
        ("[intak]\n", "[intak]", "intak: there is no such key; did you mean intake? keys here are policy, "),
        (
            '[intake]\njunk = ["a",\n  "/b"]\n',
            '"/b"',
            "intake.junk.item 2: '/b' takes no file; patterns are written like *.csv, ",
        ),
        ('[intake]\njunk = ["a/**b"]\n', "a/**b", "intake.junk.item 1: 'a/**b': '**' stands alone between "),
        ('[intake]\njunk = "Thumbs.db"\n', "junk =", "intake.junk: must be a list in square brackets, "),
        ('[intake]\njunk = ["a", "a"]\n', "junk =", "intake.junk: names a more than once"),
        (
            '[intake]\njunk_action = "leave"\n',
            "junk_action",
            "intake.junk_action: must be 'keep' or 'leave-out', not 'leave'",
        ),
        (
            "[identification]\nsecond_opinion = 1\n",
            "second_opinion",
            "identification.second_opinion: must be true or false, not 1",
        ),
        (
            '[[screen]]\ncheck = "not-empty"\nbecause = "B."\n',
            "[[screen]]",
            'screen "not-empty": outcome is missing',
        ),
        (
            '[[screen]]\ncheck = "virus"\noutcome = "warn"\nbecause = "B."\n',
            "[[screen]]",
            "screen \"virus\": 'check' must be one of 'irregular-entries', 'not-empty', ",
        ),
        (
            '[[screen]]\ncheck = "decodable-images"\noutcome = "warn"\nbecause = "B."\nexempt = []\n',
            "exempt",
            'screen "decodable-images": exempt: there is no such key; keys here are check, outcome, ',
        ),
        (
            '[[screen]]\ncheck="descriptive-metadata"\noutcome="ask"\nbecause="B"\ncolumns.a.requird=1\n',
            "requird",
            'screen "descriptive-metadata": columns.a.requird: there is no such key; did you mean required',
        ),
        (a_rule("a b", ONE), '"a b"', 'rule "a b": id: must be lower-case letters, digits and'),
        (a_rule("junk", ONE), '"junk"', "rule \"junk\": id: 'junk' is a word of its own"),
        (
            a_rule("a", 'puid = ["image/tiff"]'),
            "when",
            "rule \"a\": when.puid.item 1: 'image/tiff' is not a PRONOM identifier; they are written fmt/353",
        ),
        (a_rule("a", "puid = []"), "when", 'rule "a": when: must name at least one puid, extension or path'),
        (a_rule("a", 'mime = ["image/tiff"]'), "when", 'rule "a": when.mime: there is no such key; '),
        (
            a_rule("a", "unidentified = false"),
            "when",
            'rule "a": when.unidentified: can only be true; leave it out otherwise',
        ),
        (
            a_rule("a", 'puid = ["fmt/1"], unidentified = true'),
            "when",
            'rule "a": when: takes no file: puid asks for a known format, unidentified for none',
        ),
        (
            a_rule("a", ONE, ""),
            "[[rule]]",
            'rule "a": must have either action or normalize, and not both',
        ),
        (
            a_rule("a", ONE, TO_TIFF),
            "[[rule]]",
            'rule "a": normalize needs prove: what is not proved is not kept',
        ),
        (
            a_rule("a", ONE, f"{TO_TIFF}\nprove = []"),
            "[[rule]]",
            'rule "a": normalize needs prove: what is not proved is not kept',
        ),
        (
            a_rule("a", ONE, 'action = "retain"\naccept_loss = ["png:tEXt"]'),
            "[[rule]]",
            'rule "a": accept_loss goes with normalize: nothing else is made that could lose something',
        ),
        (
            a_rule("a", ONE, f'{TO_TIFF}\nprove = ["same-pixels"]\naccept_loss = ["everything"]'),
            "accept_loss",
            "rule \"a\": accept_loss.item 1: 'everything' names no loss; they are written as in png:tEXt or",
        ),
        (
            a_rule("a", ONE, 'action = "ask"\naccess = { migration = "pdf-to-text" }'),
            "[[rule]]",
            'rule "a": access makes no sense with action = "ask": nothing is kept yet',
        ),
        (
            a_rule("a", ONE, 'action = "retain"\naccess = { migration = "image-to-tiff" }'),
            "access",
            "rule \"a\": access: 'migration' must be one of 'image-to-jpeg', 'pdf-to-text', not 'image",
        ),
        (
            a_rule(
                "a", ONE, 'action = "retain"\naccess = { migration = "image-to-jpeg", quality = 96 }'
            ),
            "access",
            'rule "a": access.quality: must be at most 95, not 96',
        ),
        (
            '[packaging]\nalgorithm = "md5"\n',
            "algorithm",
            "packaging.algorithm: md5 can be forged; take sha256 or sha512, and name it in additional",
        ),
        (
            '[packaging.bag_info]\nPayload-Oxum = "1.1"\n',
            "Payload-Oxum",
            "packaging.bag_info.Payload-Oxum: Payload-Oxum is written by Muniment itself",
        ),
    ],
)  # fmt: skip
def test_a_fault_is_a_sentence_with_its_file_its_line_and_its_name(section: str, line: str, fault: str):
    text = policy_text(section)
    above = text[: text.index(section)].count("\n")
    (told,) = faults_of(text)
    assert told.startswith(f"p.toml:{above + line_of(section, line)}: {fault}")


@pytest.mark.parametrize(
    ("without", "fault"),
    [
        ("head", "p.toml:1: policy is missing"),
        ("irregular", 'p.toml:1: there is no [[screen]] with check = "irregular-entries"; '),
        ("otherwise", "p.toml:1: otherwise is missing"),
        ("replication", "p.toml:1: replication is missing"),
    ],
)
def test_what_a_policy_must_say_is_missed(without: str, fault: str):
    faults = faults_of(policy_text(**{without: ""}))
    assert any(told.startswith(fault) for told in faults), faults


def test_what_no_package_can_hold_can_only_be_refused():
    (fault,) = faults_of(policy_text(irregular=IRREGULAR.replace("reject", "warn")))
    assert "screen \"irregular-entries\": outcome: can only be 'reject'" in fault


def test_a_check_and_an_id_can_be_used_once():
    text = policy_text(IRREGULAR, a_rule("one", 'puid = ["fmt/1"]'), a_rule("one", 'puid = ["fmt/2"]'))
    assert [fault.split(": ", 1)[1] for fault in faults_of(text)] == [
        'screen "irregular-entries": there is one of this name already, in line 4',
        'rule "one": there is one of this name already, in line 14',
    ]


def test_rules_that_could_claim_one_file_are_both_named_with_what_they_could_claim():
    text = policy_text(
        a_rule("scans", 'puid = ["fmt/353", "fmt/3"]'),
        a_rule("gifs", 'puid = ["fmt/4", "fmt/3"]'),
        a_rule("notes", 'puid = ["fmt/4"], extension = ["txt"]'),
    )
    faults = faults_of(text)
    told = [fault.split(": ", 1)[1].replace(" could claim the same file: ", " | ") for fault in faults]
    assert [fault.removesuffix("; narrow one of them") for fault in told] == [
        'rule "gifs": when: rule "scans" (line 9) | a file of format fmt/3',
        """rule "notes": when: rule "gifs" (line 15) | a file of format fmt/4 whose path fits '*.txt'""",
    ]
    assert faults[0].startswith(f"p.toml:{line_of(text, 'fmt/4')}: ")


def test_an_overlap_is_told_although_the_rules_have_other_faults():
    text = policy_text(a_rule("one", 'puid = ["fmt/1"]', "action = 3"), a_rule("two", 'puid = ["fmt/1"]', ""))
    faults = "\n".join(faults_of(text))
    assert 'rule "one": action: must be' in faults
    assert 'rule "two": must have either action or normalize' in faults
    assert "could claim the same file: a file of format fmt/1" in faults


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (b"policy = 'a'\nrevision = \n", "p.toml:2: not TOML: Invalid value"),
        (b"policy = 'a", "p.toml:1: not TOML: "),
        (b"policy = 'a'\npolicy = 'b'\n", "p.toml:2: not TOML: Cannot overwrite a value"),
        (b"policy = 'a'\n# \xff\n", "p.toml:2: not UTF-8; save it in that encoding"),
        (b"a = " + b"[" * 100_000, "p.toml: its arrays or tables are nested too deeply"),
    ],
)
def test_what_is_not_toml_is_told_with_its_line(content: bytes, fault: str):
    (told,) = faults_of(content)
    assert told.startswith(fault)


def test_a_section_that_repeats_has_to_be_headed_so():
    assert "p.toml:3: rule: must be a list in square brackets, not 3" in faults_of(
        policy_text(head=HEAD + "rule = 3")
    )
    faults = faults_of(policy_text("[rule]\nid = 'a'\n"))
    assert "p.toml:9: rule: must be headed [[rule]]: there can be several" in faults


def test_a_file_that_cannot_be_read_is_a_fault_of_configuration(tmp_path: Path):
    with pytest.raises(ConfigurationError, match=r"p\.toml.*cannot be read: No such file") as caught:
        load(tmp_path / "p.toml")
    assert len(caught.value.faults) == 1


def test_no_fault_carries_control_characters_to_a_terminal():
    faults = faults_of(policy_text(head=HEAD + '"\\u001b[31m\\u202e" = 1\nrule = ["\\u001b"]\n'))
    assert all(fault.isprintable() for fault in faults)


def test_no_policy_can_say_what_packaging_counts_and_knows(tmp_path: Path):
    contents = a_map_sheet(tmp_path).contents()
    written = dict(bag_info_fields(contents, PayloadTally()))
    ours = written.keys() - contents.policy.terms.packaging.bag_info.keys()
    assert "Payload-Oxum" in ours
    for label in ours:
        (fault,) = faults_of(policy_text(f'[packaging.bag_info]\n{label.upper()} = "1"\n'))
        assert f"{label.upper()} is written by Muniment itself" in fault
    assert a_policy('[packaging.bag_info]\nContact-Name = "N"\n').terms.packaging.bag_info == {
        "Contact-Name": "N"
    }


def test_a_sentence_is_one_line_of_plain_text():
    for because in ('""', '"  "', '"a\\nb"', '"\\u0007"'):
        (fault,) = faults_of(policy_text(otherwise=OTHERWISE.replace('"Kept."', because)))
        assert "otherwise.because: must " in fault


def test_migrations_are_handed_on_with_every_option_and_its_default():
    policy = a_policy(
        a_rule(
            "a", 'puid = ["fmt/1"]', 'normalize = { migration = "image-to-tiff" }\nprove = ["same-pixels"]'
        ),
        a_rule("b", 'puid = ["fmt/2"]', 'action = "retain"\naccess = { migration = "image-to-jpeg" }'),
    )
    first, second = policy.matchers.all
    assert first.normalize == Migration("image-to-tiff", {"compression": "none"})
    assert first.proofs == ("same-pixels",)
    assert second.access == Migration("image-to-jpeg", {"quality": 85})


def test_copies_and_sites_and_stores_have_to_be_reachable():
    for replication, fault in (
        ("copies = 0\nsites = 0", "replication.copies: must be at least 1, not 0"),
        ("copies = 1\nsites = 2", "replication: 1 copy cannot be on 2 sites"),
        (
            'copies = 2\nsites = 1\nstores = ["a"]',
            "replication: 2 copies cannot be in 1 named store",
        ),
    ):
        faults = faults_of(policy_text(replication=f"[replication]\n{replication}\n"))
        assert faults[0].split(": ", 1)[1] == fault
