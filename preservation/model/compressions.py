"""What compressions of images are called, in facts, policies and packages."""

from types import MappingProxyType
from typing import Final

TIFF_COMPRESSIONS: Final = MappingProxyType({
    1: "none", 2: "CCITT RLE", 3: "CCITT Group 3", 4: "CCITT Group 4", 5: "LZW", 6: "JPEG (old style)",
    7: "JPEG", 8: "Deflate", 32771: "CCITT RLE", 32773: "PackBits", 32946: "Deflate", 33003: "JPEG 2000",
    33004: "JPEG 2000", 33005: "JPEG 2000", 34712: "JPEG 2000", 34887: "LERC", 34925: "LZMA",
    50000: "Zstandard", 50001: "WebP", 50002: "JPEG XL", 52546: "JPEG XL",
})  # fmt: skip  # a table
"""Names of the values of tag 259."""


COMPRESSIONS: Final = tuple(
    dict.fromkeys(
        (*TIFF_COMPRESSIONS.values(), "JPEG 2000, reversible", "JPEG 2000, irreversible", "AV1", "RLE")
    )
)
"""Every name; the first of JPEG 2000's stands for both kinds of wavelets."""
