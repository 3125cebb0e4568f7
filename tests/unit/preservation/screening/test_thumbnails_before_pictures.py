"""Where a thumbnail comes before the picture in a file, the receipt shows the picture."""

from __future__ import annotations

import io

import msgspec
import numpy as np
import tifffile
from PIL import Image

from preservation.rasters.families import Family
from preservation.screening.images import examine
from preservation.screening.reports import ImageReport


def test_the_picture_is_shown_and_not_the_smaller_copy_before_it():
    sink, shown = io.BytesIO(), io.BytesIO()
    with tifffile.TiffWriter(sink) as target:
        for kind, size, grey in ((1, (10, 15, 3), 0), (0, (200, 300, 3), 255)):
            page = np.full(size, grey, np.uint8)
            target.write(page, photometric="rgb", subfiletype=kind, metadata=None, contiguous=False)
    report = msgspec.convert(
        examine({"family": Family.TIFF, "memory": 1 << 30}, [sink], [shown]), ImageReport
    )
    assert report.has_thumbnail
    with Image.open(shown) as picture:
        assert picture.size == (160, 107)
        assert picture.getpixel((80, 50)) == (255, 255, 255)
