"""Which pages of a raster are meant: all, those that are kept, or the one that is shown."""

from dataclasses import replace

from preservation.model.events import Agent
from preservation.rasters.losses import REDUCED_COPY, Concern, LossLedger
from preservation.rasters.raster import Companions, Raster, Samples
from preservation.rasters.tiff_fields import ByteOrder


def without_reduced_copies(raster: Raster) -> Raster:
    """Return the raster without pages that are smaller copies of others; these count as left behind."""
    largest = max(map(raster.decoded_bytes, pictures_among(raster)), default=0)
    # What is not smaller than any picture is no copy of one, whatever it is called.
    copies = {
        page
        for page in range(raster.page_count)
        if raster.companions(page).role == "reduced copy" and raster.decoded_bytes(page) < largest
    }
    if not copies:
        return raster
    return _SomePages(raster, [page for page in range(raster.page_count) if page not in copies])


def pictures_among(raster: Raster) -> list[int]:
    """Return the pages that stand for themselves, and are no copy or mask of another."""
    return [page for page in range(raster.page_count) if raster.companions(page).is_picture]


class _SomePages:
    """A raster of which some pages are left out."""

    def __init__(self, raster: Raster, pages: list[int]) -> None:
        self._raster = raster
        self._pages = pages

    @property
    def decoder(self) -> Agent:
        return self._raster.decoder

    @property
    def page_count(self) -> int:
        return len(self._pages)

    @property
    def byte_order(self) -> ByteOrder:
        return self._raster.byte_order

    def companions(self, page: int) -> Companions:
        found = self._raster.companions(self._pages[page])
        if page:
            return found
        ledger = LossLedger(found.embedded.losses)
        for _ in range(self._raster.page_count - len(self._pages)):
            ledger.lose(REDUCED_COPY, concern=Concern.PICTURE)
        return replace(found, embedded=replace(found.embedded, losses=ledger.all))

    def decoded_bytes(self, page: int) -> int:
        return self._raster.decoded_bytes(self._pages[page])

    def samples(self, page: int) -> Samples:
        return self._raster.samples(self._pages[page])
