"""Manifests and bags of any names: written, read back, and judged as the Library of Congress's bagit does."""

from __future__ import annotations

import logging
import os
import tempfile
from pathlib import Path

import bagit
from hypothesis import assume, given
from hypothesis import strategies as st
from support.bags import bag_files, codes_of, tarred, write, zipped

from preservation.bagit import codes
from preservation.bagit.baginfo import format_bag_info, parse_bag_info
from preservation.bagit.manifests import (
    ManifestEntry,
    decode_path,
    encode_path,
    manifest_line,
    parse_manifest,
)
from preservation.bagit.validation import validate
from preservation.model.digests import HexDigest
from preservation.model.paths import BagPath

logging.getLogger("bagit").disabled = True

characters = st.characters(blacklist_categories=["Cs"], blacklist_characters="\0/")
segments = st.text(characters, min_size=1, max_size=12).filter(
    lambda text: text not in {".", ".."} and len(text.encode()) < 200
)
payloads = st.dictionaries(
    st.lists(segments, min_size=1, max_size=3).map(lambda parts: "data/" + "/".join(parts)),
    st.binary(max_size=20),
    min_size=1,
    max_size=6,
).filter(lambda payload: not any(f"{a}/" in b for a in payload for b in payload))
plain_segments = st.text("abcXYZ019 -_.~é", min_size=1, max_size=8).map(lambda text: f"f{text}g")
plain_payloads = st.dictionaries(
    plain_segments.map("data/{}".format), st.binary(max_size=9), max_size=5
).filter(lambda payload: len({path.casefold() for path in payload}) == len(payload))
hexadecimal = st.text("0123456789abcdef", min_size=64, max_size=64).map(HexDigest)


@given(st.text())
def test_what_is_encoded_is_decoded_to_the_same(path: str):
    encoded = encode_path(path)
    assert decode_path(encoded) == path
    assert not {"\n", "\r"} & set(encoded)


@given(st.text())
def test_decoding_never_breaks(written: str):
    assert len(decode_path(written)) <= len(written)


@given(st.lists(st.tuples(hexadecimal, segments.map("data/{}".format))))
def test_a_manifest_of_any_names_is_read_back(entries: list[tuple[HexDigest, str]]):
    content = b"".join(manifest_line(digest, BagPath(path)) for digest, path in entries)
    lines = content.decode().split("\n")[:-1]
    read = list(parse_manifest(lines))
    assert [line.legacy for line in read if isinstance(line, ManifestEntry)] == [False] * len(entries)
    assert [(line.digest, decode_path(line.path)) for line in read] == entries


one_line = st.text(st.characters(blacklist_categories=["Cs", "Cc", "Zl", "Zp"]), min_size=1)
labels = one_line.filter(lambda text: ":" not in text and text == text.strip())
values = one_line.filter(lambda text: text == text.strip())


@given(st.lists(st.tuples(labels, values)))
def test_metadata_is_read_back_in_its_order(fields: list[tuple[str, str]]):
    lines = format_bag_info(fields).split("\n")
    assert [(element.label, element.value) for element in parse_bag_info(lines)] == fields


@given(payloads, st.sampled_from(["0.93", "0.96", "0.97", "1.0"]))
def test_a_bag_of_any_names_is_valid_in_a_folder_and_in_archives(payload: dict[str, bytes], version: str):
    files = bag_files(payload, version=version)
    with tempfile.TemporaryDirectory() as scratch:
        root = Path(scratch)
        # Before 1.0 a name that holds an encoded sign may mean another one; that is the format's doing.
        assume(version == "1.0" or not any("%" in path for path in payload))
        for bag in (write(root / "a", files), zipped(root / "b", files), tarred(root / "c", files)):
            verdict = validate(bag)
            assert verdict.valid, verdict.issues
            assert verdict.payload.files == len(payload)


def damage(bag: Path, how: str, payload: dict[str, bytes]) -> None:
    first = bag / next(iter(payload))
    if how == "changed":
        first.write_bytes(first.read_bytes() + b"!")
    elif how == "missing":
        first.unlink()
    elif how == "extra":
        (bag / "data" / "zz-extra").write_bytes(b"x")
    elif how == "tag file changed":
        with (bag / "bag-info.txt").open("ab") as metadata:
            metadata.write(b"Note: x\n")
    elif how == "no declaration":
        (bag / "bagit.txt").unlink()


@given(
    plain_payloads.filter(bool),
    st.sampled_from(["0.97", "1.0"]),
    st.sampled_from(["nothing", "changed", "missing", "extra", "tag file changed", "no declaration"]),
    st.sampled_from([("md5",), ("sha256", "sha512"), ("sha1", "sha256")]),
)
def test_our_verdict_is_that_of_the_library_of_congress(
    payload: dict[str, bytes], version: str, how: str, algorithms: tuple[str, ...]
):
    with tempfile.TemporaryDirectory() as scratch:
        bag = write(Path(scratch) / "bag", bag_files(payload, version=version, algorithms=algorithms))
        damage(bag, how, payload)
        try:
            theirs = bagit.Bag(os.fspath(bag)).is_valid()
        except bagit.BagError:
            theirs = False
        ours = validate(bag)
        assert ours.valid == theirs == (how == "nothing"), ours.issues


@given(
    st.binary(max_size=400),
    st.sampled_from(["bagit.txt", "bag-info.txt", "manifest-sha256.txt", "fetch.txt"]),
)
def test_any_bytes_in_a_tag_file_get_a_verdict(content: bytes, where: str):
    with tempfile.TemporaryDirectory() as scratch:
        bag = write(Path(scratch) / "bag", bag_files() | {where: content})
        assert codes_of(validate(bag).issues) <= set(codes.MEANINGS)


@given(
    st.binary(max_size=600), st.sampled_from([b"", b"PK\x03\x04", b"PK\x05\x06", b"\x1f\x8b\x08\0", b"BZh9"])
)
def test_any_bytes_in_an_archive_get_a_verdict(content: bytes, start: bytes):
    with tempfile.TemporaryDirectory() as scratch:
        archive = Path(scratch) / "bag.zip"
        archive.write_bytes(start + content)
        assert not validate(archive).valid


@given(st.data())
def test_a_flipped_byte_in_an_archive_never_passes_as_valid_payload(data: st.DataObject):
    with tempfile.TemporaryDirectory() as scratch:
        pack = data.draw(st.sampled_from([zipped, tarred]))
        archive = pack(Path(scratch) / "bag.zip", bag_files())
        content = bytearray(archive.read_bytes())
        content[data.draw(st.integers(0, len(content) - 1))] ^= data.draw(st.integers(1, 255))
        archive.write_bytes(content)
        verdict = validate(archive)
        # A flip may hit padding, a time or a mode; where it is valid, the payload is what was promised.
        assert not verdict.valid or verdict.payload == (25, 2)
