"""Reading a container member by member, within bounds."""

from typing import BinaryIO

from preservation.errors import UnacceptableContentError
from preservation.rasters.inventory.inventory import MOST_MEMBER_BYTES, Inventory

_BLOCK = 4096


def exactly(stream: BinaryIO, count: int) -> bytes:
    """Read ``count`` bytes. Raises ``UnacceptableContentError`` where they are not there, or too many."""
    if count > MOST_MEMBER_BYTES:
        raise UnacceptableContentError(f"one of its parts claims {count:,} bytes")
    content = stream.read(count)
    if len(content) < count:
        raise UnacceptableContentError("it ends in the middle of one of its parts")
    return content


def lose_trailer(stream: BinaryIO, findings: Inventory) -> None:
    """Note what lies behind the end of the picture, from here on; a few zeros only fill a block."""
    at = stream.tell()
    behind = stream.seek(0, 2) - at
    stream.seek(at)
    if behind > 0 and (behind > _BLOCK or any(stream.read(behind))):
        findings.lose("trailer", f"{behind:,} bytes behind its end")
    elif behind < 0:
        raise UnacceptableContentError("it ends in the middle of one of its parts")
