"""Which walk goes through which container."""

from collections.abc import Callable
from typing import BinaryIO

from preservation.rasters.inventory.bmp import inventory_of_bmp
from preservation.rasters.inventory.gif import inventory_of_gif
from preservation.rasters.inventory.inventory import Inventory
from preservation.rasters.inventory.jpeg import inventory_of_jpeg
from preservation.rasters.inventory.png import inventory_of_png
from preservation.rasters.inventory.webp import inventory_of_webp

_WALKS: dict[str, Callable[[BinaryIO], Inventory]] = {
    "PNG": inventory_of_png,
    "JPEG": inventory_of_jpeg,
    "MPO": inventory_of_jpeg,
    "BMP": inventory_of_bmp,
    "GIF": inventory_of_gif,
    "WEBP": inventory_of_webp,
}


def inventory_of(stream: BinaryIO, format_name: str) -> Inventory | None:
    """Walk the container of a format by Pillow's name for it; ``None`` where there is no walk for it.

    Raises ``UnacceptableContentError`` where its members do not follow each other.
    """
    return _WALKS[format_name](stream) if format_name in _WALKS else None
