from __future__ import annotations

from itertools import islice, repeat

import pytest

from preservation.bagit.baginfo import (
    MetadataElement,
    PayloadOxum,
    format_bag_info,
    parse_bag_info,
    parse_payload_oxum,
)
from preservation.bagit.fetch import FetchEntry, fetch_line, parse_fetch
from preservation.bagit.manifests import (
    EmptyLine,
    MalformedLine,
    ManifestEntry,
    decode_path,
    encode_path,
    manifest_line,
    parse_manifest,
)
from preservation.model.digests import HexDigest
from preservation.model.paths import BagPath

DIGEST = HexDigest("9e5ad981e0d29adc278f6a294b8c2aca")


def test_a_manifest_line_has_two_spaces_as_sha256sum_wants_them():
    assert manifest_line(DIGEST, BagPath("data/a b.txt")) == f"{DIGEST}  data/a b.txt\n".encode()


def test_only_line_ends_and_percent_signs_are_encoded():
    name = "data/100% of\r\n~ünï*&\t.txt"
    assert encode_path(name) == "data/100%25 of%0D%0A~ünï*&\t.txt"
    assert decode_path(encode_path(name)) == name


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("data/%0a%0A%0d%25", "data/\n\n\r%"),
        ("data/%7Etest", "data/%7Etest"),
        ("data/%2520", "data/%20"),
        ("data/%", "data/%"),
    ],
)
def test_nothing_but_line_ends_and_percent_signs_is_decoded(written: str, meant: str):
    assert decode_path(written) == meant


def test_a_line_may_have_tabs_upper_case_and_the_marks_of_md5sum():
    lines = [
        f"{DIGEST.upper()}\t \tdata/a",
        f"{DIGEST} *data/b",
        rf"\{DIGEST}  data/c\\d\n",
        "",
        "# made by hand",
        "no digest",
        DIGEST,
    ]
    assert list(parse_manifest(lines)) == [
        ManifestEntry(1, DIGEST, "data/a", legacy=False),
        ManifestEntry(2, DIGEST, "data/b", legacy=True),
        ManifestEntry(3, DIGEST, "data/c\\d\n", legacy=True),
        EmptyLine(4),
        EmptyLine(5),
        MalformedLine(6, "no digest"),
        MalformedLine(7, DIGEST),
    ]


def test_white_space_at_the_end_belongs_to_the_name():
    (entry,) = parse_manifest([f"{DIGEST}  data/a "])
    assert entry == ManifestEntry(1, DIGEST, "data/a ", legacy=False)


def test_a_manifest_is_read_as_it_comes_however_long_it_is():
    endless = repeat(f"{DIGEST}  data/a")
    assert len(list(islice(parse_manifest(endless), 100_000))) == 100_000


def test_metadata_keeps_order_repetition_and_line_breaks():
    lines = ["Contact-Name: Ada", "Note: first", "  second", "\tthird", "", "Contact-Name:Grace", "nothing"]
    assert list(parse_bag_info(lines)) == [
        MetadataElement(1, "Contact-Name", "Ada"),
        MetadataElement(2, "Note", "first\nsecond\nthird"),
        MetadataElement(6, "Contact-Name", "Grace", loose=True),
        MalformedLine(7, "nothing"),
    ]


def test_a_continuation_of_nothing_is_malformed():
    assert list(parse_bag_info(["  lost"])) == [MalformedLine(1, "  lost")]


def test_metadata_that_is_written_is_read_back():
    fields = [("Contact-Name", "Ada: Countess"), ("Contact-Name", "Grace"), ("Bagging-Date", "2026-01-01")]
    text = format_bag_info(fields)
    assert [(element.label, element.value) for element in parse_bag_info(text.splitlines())] == fields


@pytest.mark.parametrize(
    ("label", "value"), [("A:b", "c"), ("A", "b\nC: d"), (" A", "b"), ("A", ""), ("", "a")]
)
def test_metadata_that_could_not_be_read_back_is_not_written(label: str, value: str):
    with pytest.raises(ValueError, match=r"bag-info\.txt"):
        format_bag_info([(label, value)])


@pytest.mark.parametrize("text", ["", "12", "12.", ".1", "1.2.3", "a.b", "-1.2", "12 .3", "\u0661.\u0662"])
def test_a_payload_oxum_is_two_numbers(text: str):
    assert parse_payload_oxum(text) is None


def test_a_payload_oxum_is_octets_then_files():
    assert parse_payload_oxum("279164409832.1198") == PayloadOxum(octets=279164409832, files=1198)
    assert str(PayloadOxum(5, 2)) == "5.2"


def test_the_fetch_file_is_read_and_written():
    line = fetch_line("https://example.org/a%20b", 12, "data/50% \n").decode()
    assert line == "https://example.org/a%20b 12 data/50%25 %0A\n"
    assert list(parse_fetch([line.removesuffix("\n"), "", "ftp://x/y - data/z z", "nowhere 1 data/a"])) == [
        FetchEntry(1, "https://example.org/a%20b", 12, "data/50%25 %0A"),
        FetchEntry(3, "ftp://x/y", None, "data/z z"),
        MalformedLine(4, "nowhere 1 data/a"),
    ]


def test_a_url_with_white_space_is_not_written():
    with pytest.raises(ValueError, match="percent-encode"):
        fetch_line("https://example.org/a b", None, "data/a")
