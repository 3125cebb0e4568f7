"""What ``fetch.txt`` says where a file lies: a URI that is the same in every store."""

from __future__ import annotations

from urllib.parse import urlparse

import pytest
from support.plans import SHEET

from preservation.model.locators import Locator, parse_locator
from preservation.model.paths import BagPath


def test_a_locator_is_an_absolute_uri_that_spells_the_key():
    url = Locator(SHEET, BagPath("data/originals/page 1 ü.tif")).url
    assert url == "muniment://maps/sheet-012/v1/data/originals/page%201%20%C3%BC.tif"
    parts = urlparse(url)
    # bagit.py asks a URL of fetch.txt to have both.
    assert (parts.scheme, parts.netloc) == ("muniment", "maps")


@pytest.mark.parametrize(
    "url",
    [
        "muniment://maps/sheet-012/v1/../v2/data/a.tif",
        "muniment://maps/sheet-012/v1/data/%2E%2E/%2e%2e/etc/passwd",
        "muniment://maps/sheet-012/v1//etc/passwd",
        "muniment://maps/sheet-012/v0/data/a.tif",
        "muniment://maps/sheet-012/data/a.tif",
        "muniment://maps/..%2Fsheet/v1/data/a.tif",
        "muniment://maps/sheet-012/v1/data/%FF.tif",
        "muniment://maps/sheet-012/v1/data/a%00.tif",
        "muniment://maps/sheet-012/v1/data/a.tif?x=1",
        "https://example.org/maps/sheet-012/v1/data/a.tif",
        "file:///etc/passwd",
        "",
    ],
)
def test_what_is_no_locator_or_would_climb_out_is_none(url: str):
    assert parse_locator(url) is None
