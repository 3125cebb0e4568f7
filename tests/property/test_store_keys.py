"""Any name that a bag may hold is a key, and comes back byte for byte."""

from __future__ import annotations

from itertools import count

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.store_peers import PEERS, SLOW

_versions = count()

_characters = st.characters(codec="utf-8", exclude_characters="/\0")
_odd = st.sampled_from(
    [
        "caf\u00e9",  # NFC
        "cafe\u0301",  # NFD
        "CAF\u00c9",
        "line\nbreak\r",
        "%0A",
        "\u202egpj.exe",
        "\U0001f5fa",
        " ",
        "...",
        ".incoming",
        "lock",
        "-rf",
        "con",
        "x" * 255,
        "\u00e9" * 127,
    ]
)
_segment = (_odd | st.text(_characters, min_size=1, max_size=60)).filter(
    lambda text: text not in {".", ".."} and len(text.encode()) <= 255
)
_path = st.lists(_segment, min_size=1, max_size=5).map("/".join)


def _without_files_that_are_folders(paths: list[str]) -> list[str]:
    folders = {path[:at] for path in paths for at, character in enumerate(path) if character == "/"}
    return [path for path in paths if path not in folders]


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.soak) if name in SLOW else name for name in sorted(PEERS)]
)
def test_every_name_a_bag_may_hold_comes_back_byte_for_byte(
    name: str, tmp_path_factory: pytest.TempPathFactory
):
    peer = PEERS[name](tmp_path_factory.mktemp(name))

    @settings(max_examples=60, deadline=None)
    @given(st.lists(_path, unique=True, max_size=8).map(_without_files_that_are_folders))
    def check(paths: list[str]) -> None:
        prefix = f"maps/sheet/v{next(_versions)}"
        possible = [path for path in paths if peer.store.name_rules.fault_of(path) is None]
        contents = {f"{prefix}/{path}": str(number).encode() for number, path in enumerate(possible)}
        peer.keep(contents)
        assert {key: peer.content(key) for key in contents} == contents
        assert peer.listed(prefix) == sorted(contents, key=str.encode)

    check()
