"""An ICC profile made of primaries and gamma, for showing pictures that state their colours in that way."""

import struct

import numpy as np
from numpy.typing import NDArray

from preservation.rasters.raster import Calibration

_SRGB_WHITE = (0.3127, 0.3290)
_SRGB_PRIMARIES = ((0.64, 0.33), (0.30, 0.60), (0.15, 0.06))
_SRGB_GAMMA = 2.2
_D50 = np.array([0.9642, 1.0, 0.8249])
_BRADFORD = np.array([[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]])
_HEADER = 128


def profile_of(calibration: Calibration) -> bytes | None:
    """Return a profile for RGB (ICC.1:2001-04); ``None`` where the numbers describe no colours."""
    gamma = calibration.gamma or _SRGB_GAMMA
    white, *primaries = calibration.chromaticities or (_SRGB_WHITE, *_SRGB_PRIMARIES)
    if not all(y > 0 for _, y in (white, *primaries)) or not 0 < gamma < 256:  # noqa: PLR2004  as it is written
        return None
    try:
        columns = _adapted(_tristimulus(white), np.array([_tristimulus(one) for one in primaries]).T)
    except np.linalg.LinAlgError:
        return None
    if np.abs(columns).max() > 8:  # noqa: PLR2004  no colour is so bright
        return None
    curve = struct.pack(">4sIIH", b"curv", 0, 1, round(gamma * 256)) + bytes(2)
    points = {name: _xyz(columns[:, at]) for at, name in enumerate((b"rXYZ", b"gXYZ", b"bXYZ"))}
    description = struct.pack(">4sII", b"desc", 0, 11) + b"calibrated\0" + bytes(78) + bytes(3)
    tags = {
        b"desc": description[: len(description) // 4 * 4],
        b"cprt": struct.pack(">4sI", b"text", 0) + b"none\0\0\0\0",
        b"wtpt": _xyz(_D50),
        **points,
        **dict.fromkeys((b"rTRC", b"gTRC", b"bTRC"), curve),
    }
    return _written(tags)


def _tristimulus(point: tuple[float, float]) -> NDArray[np.float64]:
    x, y = point
    return np.array([x / y, 1.0, (1 - x - y) / y])


def _adapted(white: NDArray[np.float64], primaries: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the primaries' colours under the white of profiles."""
    scaled = primaries * np.linalg.solve(primaries, white)
    cones = (_BRADFORD @ _D50) / (_BRADFORD @ white)
    adapted: NDArray[np.float64] = np.linalg.inv(_BRADFORD) @ np.diag(cones) @ _BRADFORD @ scaled
    return adapted


def _xyz(colour: NDArray[np.float64]) -> bytes:
    return struct.pack(">4sI3i", b"XYZ ", 0, *(round(float(part) * 65536) for part in colour))


def _written(tags: dict[bytes, bytes]) -> bytes:
    table = struct.pack(">I", len(tags))
    content = b""
    start = _HEADER + 4 + 12 * len(tags)
    for name, tag in tags.items():
        table += struct.pack(">4sII", name, start + len(content), len(tag))
        content += tag
    size = start + len(content)
    header = struct.pack(">I4sI4s4s4s", size, b"none", 0x02400000, b"mntr", b"RGB ", b"XYZ ")
    header += struct.pack(">6H4s", 2000, 1, 1, 0, 0, 0, b"acsp") + bytes(28)
    header += struct.pack(">3i", *(round(float(part) * 65536) for part in _D50))
    return header.ljust(_HEADER, b"\0") + table + content
