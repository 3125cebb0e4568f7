"""GIF (89a): blocks and extensions."""

from typing import BinaryIO

from preservation.errors import UnacceptableContentError
from preservation.rasters.inventory.inventory import Inventory
from preservation.rasters.inventory.reading import exactly, lose_trailer

_EXTENSION, _IMAGE, _TRAILER = b"\x21", b"\x2c", b"\x3b"
_GRAPHIC_CONTROL, _COMMENT, _PLAIN_TEXT, _APPLICATION = 0xF9, 0xFE, 0x01, 0xFF
_LOOPS = frozenset({b"NETSCAPE2.0", b"ANIMEXTS1.0"})
"""How often an animation is shown; animations are refused, and a still picture is shown once."""


def inventory_of_gif(stream: BinaryIO) -> Inventory:
    """Walk the blocks. Raises ``UnacceptableContentError`` where they do not follow each other."""
    findings = Inventory("gif")
    stream.seek(0)
    screen = exactly(stream, 13)
    if screen[12]:
        findings.lose("aspect", f"the shape of its pixels: {screen[12]}")
    _skip_colours(stream, screen[10])
    while (introducer := exactly(stream, 1)) != _TRAILER:
        if introducer == _EXTENSION:
            label = exactly(stream, 1)[0]
            _find_in_extension(findings, label, _sub_blocks(stream))
        elif introducer == _IMAGE:
            _skip_colours(stream, exactly(stream, 9)[8])
            exactly(stream, 1)
            while length := exactly(stream, 1)[0]:
                stream.seek(length, 1)
        elif introducer != b"\0":  # stray terminators, which every decoder skips
            raise UnacceptableContentError("there is no block where one should be")
    lose_trailer(stream, findings)
    return findings


def _find_in_extension(findings: Inventory, label: int, blocks: list[bytes]) -> None:
    application = blocks[0] if blocks else b""
    if label == _GRAPHIC_CONTROL or (label == _APPLICATION and application in _LOOPS):
        return  # transparency, of which the decoded samples are compared, and moments
    if label == _COMMENT:
        findings.lose("comment")
    elif label == _PLAIN_TEXT:
        findings.lose("plain-text")
    elif label == _APPLICATION and application == b"ICCRGBG1012":
        findings.take_profile(b"".join(blocks[1:]), "ICC")
    elif label == _APPLICATION and application == b"XMP DataXMP":
        findings.lose("XMP")
    elif label == _APPLICATION:
        findings.lose("application", application.decode("latin-1"))
    else:
        findings.lose(f"0x{label:02X}")


def _sub_blocks(stream: BinaryIO) -> list[bytes]:
    blocks = []
    while length := exactly(stream, 1)[0]:
        blocks.append(exactly(stream, length))
    return blocks


def _skip_colours(stream: BinaryIO, flags: int) -> None:
    if flags & 0x80:
        exactly(stream, 3 << ((flags & 7) + 1))
