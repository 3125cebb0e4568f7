from __future__ import annotations

import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from random import Random

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.surveys import compared, drop, md5, sha256

from preservation.manifests.lines import manifest_lines
from preservation.model.paths import RelativePath

segments = st.text(
    st.characters(exclude_characters="/\0", exclude_categories=["Cs"]), min_size=1, max_size=20
).filter(lambda text: text not in {".", ".."} and len(text.encode()) < 100)
# A folder of one name keeps names from being both a file and a folder.
paths = st.one_of(segments.map(lambda name: f"f-{name}"), segments.map(lambda name: f"folder/f-{name}"))
drops = st.dictionaries(paths, st.binary(max_size=20), min_size=1, max_size=6)


def escaped(name: str) -> tuple[str, str]:
    """Write a name as GNU md5sum does: a leading backslash on the line says that it is escaped."""
    text = name.replace("\\", "\\\\").replace("\n", "\\n").replace("\r", "\\r")
    return ("\\" if text != name else ""), text


def md5sum_line(name: str, content: bytes) -> str:
    mark, text = escaped(name)
    return f"{mark}{md5(content)}  {text}\n"


def binary_line(name: str, content: bytes) -> str:
    mark, text = escaped(name)
    return f"{mark}{sha256(content)} *{text}\n"


def bsd_line(name: str, content: bytes) -> str:
    mark, text = escaped(name)
    return f"{mark}SHA256 ({text}) = {sha256(content)}\n"


lines = st.sampled_from([md5sum_line, binary_line, bsd_line])


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(contents=drops, line=lines)
def test_whatever_the_names_a_manifest_written_of_a_drop_confirms_it(
    contents: dict[str, bytes], line: Callable[[str, bytes], str]
):
    with tempfile.TemporaryDirectory() as folder:
        root = drop(Path(folder), contents)
        text = "".join(line(name, content) for name, content in contents.items())
        (root / "checksums.txt").write_bytes(text.encode())

        manifest = next(found for found in compared(root) if found.path == "checksums.txt")

    assert (manifest.entries, manifest.confirmed) == (len(contents), len(contents))
    assert manifest.issues == ()


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(contents=drops, line=lines, chosen=st.randoms(use_true_random=False))
def test_the_one_file_that_was_altered_is_the_one_that_is_named(
    contents: dict[str, bytes], line: Callable[[str, bytes], str], chosen: Random
):
    altered = chosen.choice(sorted(contents))
    with tempfile.TemporaryDirectory() as folder:
        root = drop(Path(folder), {**contents, altered: contents[altered] + b"!"})
        text = "".join(line(name, content) for name, content in contents.items())
        (root / "checksums.txt").write_bytes(text.encode())

        manifest = next(found for found in compared(root) if found.path == "checksums.txt")

    assert manifest.confirmed == len(contents) - 1
    assert [(issue.code, issue.path) for issue in manifest.issues] == [("FIX-001", altered)]


@settings(deadline=None)
@given(content=st.binary(max_size=3000))
def test_no_bytes_whatever_make_reading_a_manifest_fail_unexpectedly(content: bytes):
    with tempfile.TemporaryDirectory() as folder:
        root = drop(Path(folder), {"x.md5": content, "a": b""})
        with suppress(ValueError):
            list(manifest_lines(root, RelativePath("x.md5")))

        (manifest,) = compared(root)

    assert manifest.confirmed <= 1
