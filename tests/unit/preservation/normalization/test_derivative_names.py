"""Names of derivatives: the path kept, the extension changed, never two of one path."""

from __future__ import annotations

import pytest

from preservation.errors import UnacceptableContentError
from preservation.model.paths import RelativePath
from preservation.normalization.normalize import DerivativeNames


def named(*sources: str, extension: str = ".tif") -> list[str]:
    names = DerivativeNames()
    return [names.path_for(RelativePath(source), extension) for source in sources]


@pytest.mark.parametrize(
    ("source", "derivative"),
    [
        ("a.bmp", "a.tif"),
        ("maps/sheet 012.JPEG", "maps/sheet 012.tif"),
        ("no extension", "no extension.tif"),
        (".hidden", ".hidden.tif"),
        ("folder.x/.jpg", "folder.x/.jpg.tif"),
        ("letter of J. Smith", "letter of J. Smith.tif"),
        ("a.b.png", "a.b.tif"),
        ("日本\u0301.png", "日本\u0301.tif"),
    ],
)
def test_the_path_is_kept_and_the_extension_changed(source: str, derivative: str):
    assert named(source) == [derivative]


def test_two_sources_that_would_share_a_derivative_get_one_each():
    assert named("a.bmp", "a.d/x.bmp", "a.gif") == ["a.tif", "a.d/x.tif", "a.gif.tif"]


def test_a_folder_does_not_take_the_place_of_a_derivative():
    assert named("a.tif/x.bmp", "a.gif") == ["a.tif/x.tif", "a.gif.tif"]


def test_a_derivative_that_stands_where_a_folder_must_be_is_said():
    with pytest.raises(UnacceptableContentError, match=r"a\.tif; rename"):
        named("a.bmp", "a.tif/x.bmp")


def test_a_name_of_255_bytes_still_gets_a_derivative_where_there_is_room_for_one():
    assert named("é" * 125 + "x.bmp") == ["é" * 125 + "x.tif"]
    with pytest.raises(UnacceptableContentError, match="too long"):
        named("x" * 255)
