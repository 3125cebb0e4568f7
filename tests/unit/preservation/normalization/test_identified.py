"""A derivative is identified as any original is, and refused where it is not what it was made to be."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image
from support.packages import a_derivative, a_refusal
from support.rasters import noise, saved

from preservation.identification.caged import CagedIdentifier, identifying_workers
from preservation.model.derivatives import Derivative, RefusedDerivative
from preservation.normalization.identified import identified
from preservation.tools.limits import Limits

PICTURE = Image.fromarray(noise(16, 16, 3))


@pytest.fixture
def identifier(tmp_path: Path) -> Iterator[CagedIdentifier]:
    with identifying_workers(Limits(), 1, (tmp_path,)) as workers:
        yield CagedIdentifier(workers, scratch=tmp_path)


def written(folder: Path, content: bytes) -> Derivative:
    (folder / "preservation").mkdir(exist_ok=True)
    (folder / "preservation" / "a.tif").write_bytes(content)
    return a_derivative("a.bmp", content)


def test_a_derivative_has_its_format_and_a_refusal_stays_one(tmp_path: Path, identifier: CagedIdentifier):
    given = [a_refusal("0.gif"), written(tmp_path, saved(PICTURE, "TIFF"))]
    refused, made = identified(given, tmp_path, identifier)
    assert refused == given[0]
    assert isinstance(made, Derivative)
    assert made.identification is not None
    assert made.identification.decided == "fmt/353"


@pytest.mark.parametrize("content", [saved(PICTURE, "PNG"), b"no picture at all"])
def test_what_is_not_what_it_was_made_to_be_is_refused_and_removed(
    tmp_path: Path, identifier: CagedIdentifier, content: bytes
):
    (made,) = identified([written(tmp_path, content)], tmp_path, identifier)
    assert isinstance(made, RefusedDerivative)
    assert "is identified as" in made.reason
    assert not (tmp_path / "preservation" / "a.tif").exists()
