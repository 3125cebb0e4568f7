"""The images in a PDF, each decoded as strictly as its coding allows."""

import io
import struct
from collections.abc import Callable
from typing import Final

import imagecodecs
import numpy as np
from numpy.typing import NDArray

from preservation.documents.streams import EmbeddedImage
from preservation.rasters import jp2_structure, jpeg, jpeg_segments, overheard, tiff_decoding
from preservation.rasters.decoding import OVERWRITTEN, Room, TooMuchError
from preservation.rasters.jp2 import read_codestream
from preservation.screening.programs import Reader
from preservation.screening.sighting import sentence_of
from preservation.tools.work import NOT_ABOUT_CONTENT

_NOT_DECODED: Final = "images that are coded as JBIG2"
_WHITE_SPACE: Final = b"\0\t\n\f\r "
_MODIFIED_HUFFMAN, _GROUP_3, _GROUP_4 = 2, 3, 4
_TWO_DIMENSIONAL = 1
_END_OF_BLOCK = "000000000001000000000001"
_FEW_ROWS = 24


class PdfImages:
    """Decodes images within ``memory`` bytes each, one at a time. ``decoders`` are those that were asked."""

    def __init__(self, memory: int) -> None:
        self._memory = memory
        self.decoders: dict[Reader, None] = {}

    def fault_of(self, image: EmbeddedImage) -> str | None:
        """Decode an image to its end; say what is wrong with it.

        Raises ``NotImplementedError`` where nothing here can look into it, with what it is.
        """
        if not image.data.strip(_WHITE_SPACE):
            return "it has no data"
        room = Room(self._memory, len(image.data))
        decode, decoder = _DECODERS[image.coding]
        self.decoders |= dict.fromkeys(decoder)
        try:
            fault = decode(image, room)
        except (NotImplementedError, *NOT_ABOUT_CONTENT):
            raise
        except TooMuchError as error:
            raise NotImplementedError(f"an image: {error}") from error
        except Exception as error:  # noqa: BLE001  codecs raise whatever they like about damaged images
            fault = sentence_of(error)
        if fault is not None:
            room.rule_out_shortage()
        return fault


def _jpeg(image: EmbeddedImage, room: Room) -> str | None:
    segments = jpeg_segments.segments_of(image.data)
    if segments.process is None:
        return "the header of the picture is missing"
    # At an eighth of its size: every coefficient is read all the same, and little is held.
    room.require(max(1, segments.columns), max(1, segments.rows), 1)
    try:
        jpeg.decode(image.data, segments.components)
    except NotImplementedError as error:
        raise NotImplementedError("images that are coded as an unusual JPEG") from error
    return None


def _jpeg_2000(image: EmbeddedImage, room: Room) -> str | None:
    codestream = read_codestream(io.BytesIO(image.data))
    # OpenJPEG holds every sample in four bytes, whatever its depth; then come the samples themselves.
    room.require(codestream.columns, codestream.rows, len(codestream.depths) * 5)
    with overheard.in_log("imagecodecs") as said:
        imagecodecs.jpeg2k_decode(image.data[codestream.at :], verbose=overheard.OF_OPENJPEG)
    size = len(image.data) - codestream.at
    return OVERWRITTEN if jp2_structure.is_damage(said, image.data, codestream.at, size) else None


def _fax(image: EmbeddedImage, room: Room) -> str | None:
    given = image.parameters
    columns, rows = given.get("Columns", 1728), image.rows or given.get("Rows", 0)
    if not columns or not rows:
        return "it has no size"
    room.require(columns, rows, 2)
    pixels = tiff_decoding.decode(_as_tiff(image.data, columns, rows, *_fax_coding(image)), 0)
    return _cut_fax(image.data, pixels) if given.get("K", 0) < 0 else None


def _cut_fax(data: bytes, pixels: NDArray[np.bool_]) -> str | None:
    """Say whether Group 4 data end before their last row, of which libtiff says nothing (ITU-T T.6, 2.4).

    Rows of one colour at the bottom must have been written as well: each takes one bit, which is set.
    """
    is_plain = pixels.all(axis=1) | ~pixels.any(axis=1)
    drawn = np.flatnonzero(~is_plain)
    plain = len(pixels) - 1 - (int(drawn[-1]) if len(drawn) else -1)
    if plain < _FEW_ROWS:
        return None
    tail = data[-(plain // 8 + _FEW_ROWS) :]
    bits = f"{int.from_bytes(tail):0{8 * len(tail)}b}".rstrip("0").removesuffix(_END_OF_BLOCK)
    return "it ends before its last row" if "0" in bits[-(plain - _FEW_ROWS // 2) :] else None


def _fax_coding(image: EmbeddedImage) -> tuple[int, int]:
    """Return the compression of TIFF that is the same coding, and its options (TIFF 6.0, section 11)."""
    given = image.parameters
    kind = given.get("K", 0)
    if kind < 0:
        return _GROUP_4, 0
    if kind == 0 and given.get("EncodedByteAlign"):
        return _MODIFIED_HUFFMAN, 0
    # An end of a line, which is eleven zeros and a one, may be there without being told of.
    if kind == 0 and not given.get("EndOfLine") and int.from_bytes(image.data[:2]) >> 5:
        raise NotImplementedError("images that are coded as a fax without ends of lines")
    return _GROUP_3, _TWO_DIMENSIONAL if kind > 0 else 0


def _as_tiff(data: bytes, columns: int, rows: int, compression: int, options: int) -> bytes:
    """Return a TIFF of one strip, which is the data as it is."""
    fields = {
        256: columns, 257: rows, 258: 1, 259: compression, 262: 0, 273: 0, 277: 1, 278: rows, 279: len(data),
    }  # fmt: skip
    if compression != _MODIFIED_HUFFMAN:
        fields[293 if compression == _GROUP_4 else 292] = options
    fields[273] = 8 + 2 + 12 * len(fields) + 4
    directory = b"".join(struct.pack("<HHLL", tag, 4, 1, value) for tag, value in fields.items())
    return struct.pack("<2sHLH", b"II", 42, 8, len(fields)) + directory + bytes(4) + data


def _jbig2(_: EmbeddedImage, __: Room) -> str | None:
    raise NotImplementedError(_NOT_DECODED)


_DECODERS: Final[dict[str, tuple[Callable[[EmbeddedImage, Room], str | None], tuple[Reader, ...]]]] = {
    "JPEG": (_jpeg, ("simplejpeg",)),
    "JPEG 2000": (_jpeg_2000, ("imagecodecs",)),
    "CCITT fax": (_fax, ("imagecodecs",)),
    "JBIG2": (_jbig2, ()),
}
