"""MIX as we write it: the elements that we use, in the order that MIX 2.0 (ANSI/NISO Z39.87) has them in."""

from __future__ import annotations

from dataclasses import replace

import pytest
from lxml import etree
from support.packages import an_image

from preservation.model.screening import DocumentFacts, ImageFacts
from preservation.premis.technical import MIX, OURS, technical_facts

M = f"{{{MIX}}}"
_ORDER = {
    "mix": [
        "BasicDigitalObjectInformation", "BasicImageInformation", "ImageCaptureMetadata",
        "ImageAssessmentMetadata",
    ],
    "BasicDigitalObjectInformation": ["Compression"],
    "Compression": ["compressionScheme"],
    "BasicImageInformation": ["BasicImageCharacteristics"],
    "BasicImageCharacteristics": ["imageWidth", "imageHeight", "PhotometricInterpretation"],
    "PhotometricInterpretation": ["colorSpace", "ColorProfile"],
    "ColorProfile": ["IccProfile"],
    "IccProfile": ["iccProfileName"],
    "ImageCaptureMetadata": ["orientation"],
    "ImageAssessmentMetadata": ["SpatialMetrics", "ImageColorEncoding"],
    "SpatialMetrics": ["samplingFrequencyUnit", "xSamplingFrequency", "ySamplingFrequency"],
    "xSamplingFrequency": ["numerator", "denominator"],
    "ySamplingFrequency": ["numerator", "denominator"],
    "ImageColorEncoding": ["BitsPerSample", "samplesPerPixel"],
    "BitsPerSample": ["bitsPerSampleValue", "bitsPerSampleUnit"],
}  # fmt: skip


def facts(image: ImageFacts | None = None, document: DocumentFacts | None = None) -> etree._Element:
    return etree.fromstring(f"<all>{technical_facts(image, document)}</all>")


IMAGES = [
    an_image(),
    replace(an_image(), mode="L", profile=None, resolution=None, compression="", orientation=6),
    replace(an_image(), mode="I;16", bits=16, resolution=(118.11 * 2.54, 0.1), orientation=9),
    replace(an_image(), mode="F", bits=32, resolution=(float("inf"), 300.0)),
    replace(an_image(), mode="a mode of tomorrow", resolution=(0.0, -1.0)),
]


@pytest.mark.parametrize("image", IMAGES)
def test_elements_of_mix_stand_in_their_order_and_none_is_empty(image: ImageFacts):
    [mix] = facts(image).iter(f"{M}mix")
    for element in mix.iter():
        name = element.tag.removeprefix(M)
        if name in _ORDER:
            places = [_ORDER[name].index(child.tag.removeprefix(M)) for child in element]
            assert places == sorted(set(places))
            assert places
        else:
            assert element.text


def test_figures_are_what_was_measured():
    image = facts(replace(an_image(), resolution=(299.72, 300.0), orientation=8))
    assert image.findtext(f".//{M}xSamplingFrequency/{M}numerator") == "7493"
    assert image.findtext(f".//{M}xSamplingFrequency/{M}denominator") == "25"
    assert image.findtext(f".//{M}orientation") == "normal, rotated cw 90°"
    assert image.findtext(f".//{M}samplesPerPixel") == "3"
    assert image.findtext(f".//{{{OURS}}}decodedAs") == "RGB"


@pytest.mark.parametrize("mode", ["L", "I;16", "1", "a mode of tomorrow"])
def test_a_colour_space_that_is_not_known_is_not_invented(mode: str):
    assert facts(replace(an_image(), mode=mode)).find(f".//{M}colorSpace") is None


def test_a_document_has_elements_of_our_own():
    found = facts(document=DocumentFacts(3, "1.4", encrypted=True, has_text=False, claims="PDF/A-1b"))
    told = {element.tag.removeprefix(f"{{{OURS}}}"): element.text for element in found.iter(f"{{{OURS}}}*")}
    told.pop("technical")
    assert told == {
        "pages": "3", "pdfVersion": "1.4", "hasText": "no", "isEncrypted": "yes", "claims": "PDF/A-1b",
    }  # fmt: skip


def test_of_a_file_that_nothing_looked_into_nothing_is_said():
    assert technical_facts(None, None) == ""
