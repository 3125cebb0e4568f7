"""Which names ``bagit.py`` finds by a manifest of ours: what we say of it, and what it does."""

from __future__ import annotations

import hashlib
from pathlib import Path
from tempfile import TemporaryDirectory

import bagit
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from preservation.bagit.manifests import manifest_line
from preservation.bagit.other_readers import bagit_py_reads
from preservation.model.digests import HexDigest
from preservation.model.paths import BagPath

_ODD = "%\r\n \t\u0085\u2028\u2029\x0b\x0c\x1c\x1e\u00a0\u3000\\*#ab.é"
names = st.text(st.sampled_from(_ODD), min_size=1, max_size=6).filter(lambda name: name not in {".", ".."})


def bagit_finds(name: str) -> bool:
    with TemporaryDirectory() as room:
        bag = Path(room)
        (bag / "data").mkdir()
        (bag / "data" / name).write_bytes(b"it")
        (bag / "bagit.txt").write_bytes(b"BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n")
        digest = HexDigest(hashlib.sha256(b"it").hexdigest())
        (bag / "manifest-sha256.txt").write_bytes(manifest_line(digest, BagPath(f"data/{name}")))
        try:
            return bool(bagit.Bag(room).is_valid())
        except bagit.BagError:
            return False


@settings(max_examples=400, deadline=None)
@given(names)
def test_we_say_of_bagit_what_it_does(name: str):
    assert bagit_py_reads(BagPath(f"data/{name}")) == bagit_finds(name)


@pytest.mark.parametrize(
    "name", ["100%.tif", "ends ", "a\u0085b", "a\u2028b", "a\x0bb", "a\u3000", "a\nb\nc\nd", "a%0Ab", "%41"]
)
def test_these_it_does_not_find(name: str):
    assert not bagit_finds(name)
    assert not bagit_py_reads(BagPath(f"data/{name}"))


@pytest.mark.parametrize("name", ["a b", " a", "ü", "e\u0301", "a\nb", "a\rb", "*a", "#a", "a\\b"])
def test_these_it_finds(name: str):
    assert bagit_finds(name)
    assert bagit_py_reads(BagPath(f"data/{name}"))
