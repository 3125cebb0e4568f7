"""Which files are examined, and as what. The PUID decides; where there is none, the rest suggests."""

from collections.abc import Iterable
from enum import StrEnum

from preservation.model.formats import Identification, MimeType, Puid
from preservation.model.paths import RelativePath, extension_of


class Family(StrEnum):
    """Formats that are examined in the same way."""

    TIFF = "TIFF"
    JPEG = "JPEG"
    PNG = "PNG"
    GIF = "GIF"
    BMP = "BMP"
    JPEG_2000 = "JPEG 2000"
    WEBP = "WebP"
    AVIF = "AVIF"
    PORTABLE_ANYMAP = "portable anymap"
    PHOTOSHOP = "Photoshop"
    TARGA = "Targa"
    PCX = "PCX"
    SILICON_GRAPHICS = "Silicon Graphics image"
    ICON = "icon"
    PDF = "PDF"
    OFFICE_OPEN_XML = "Office Open XML"
    OPEN_DOCUMENT = "OpenDocument"
    EPUB = "EPUB"
    ZIP = "zip"
    TAR = "tar"
    GZIP = "gzip"

    @property
    def is_image(self) -> bool:
        """Say whether its files are raster images for which there is a decoder."""
        return self not in _DOCUMENTS | _ARCHIVES

    @property
    def is_archive(self) -> bool:
        """Say whether its files hold other files."""
        return self in _ARCHIVES

    @property
    def is_document(self) -> bool:
        """Say whether its files are documents that are looked into."""
        return self in _DOCUMENTS


_ARCHIVES = frozenset({Family.ZIP, Family.TAR, Family.GZIP})
_DOCUMENTS = frozenset({Family.PDF, Family.OFFICE_OPEN_XML, Family.OPEN_DOCUMENT, Family.EPUB})


def _fmt(numbers: Iterable[int]) -> list[str]:
    return [f"fmt/{number}" for number in numbers]


# PRONOM, signature release of 2025. Documents that are zip files inside (docx, odt, epub) have PUIDs of
# their own, and are no archives here. Small BigTIFFs are taken for Zoomify images (fmt/898), their kin.
_PUIDS: dict[Family, list[str]] = {
    Family.TIFF: [
        *_fmt([7, 8, 9, 10, 153, 154, 155, 156, 353, 898, 1917]), "x-fmt/387", "x-fmt/388", "x-fmt/399",
    ],
    Family.JPEG: [*_fmt([41, 42, 43, 44, 112, 113, 645, 1507]), "x-fmt/390", "x-fmt/391", "x-fmt/398"],
    Family.PNG: _fmt([11, 12, 13, 935]),
    Family.GIF: _fmt([3, 4]),
    Family.BMP: [*_fmt(range(114, 120)), "x-fmt/25", "x-fmt/270"],
    Family.JPEG_2000: [*_fmt([151, 1794, 1964]), "x-fmt/392"],
    Family.WEBP: _fmt([566, 567, 568]),
    Family.AVIF: _fmt([2062]),
    Family.PORTABLE_ANYMAP: [*_fmt([406, 407, 408, 409]), "x-fmt/164", "x-fmt/178"],
    Family.PHOTOSHOP: ["x-fmt/92"],
    Family.TARGA: [*_fmt([402]), "x-fmt/367"],
    Family.PCX: _fmt(range(86, 91)),
    Family.SILICON_GRAPHICS: ["x-fmt/140"],
    Family.ICON: ["x-fmt/418"],
    Family.PDF: _fmt([
        *range(14, 21), 95, *range(144, 149), 157, 158, 276, 354, *range(476, 482), *range(488, 494), 1129,
        1451, 1910, 1911, 1912, 2050, 2052,
    ]),
    Family.ZIP: ["x-fmt/263"],
    Family.TAR: ["x-fmt/265"],
    Family.GZIP: ["x-fmt/266"],
}  # fmt: skip  # a table

_BY_PUID = {Puid(code): family for family, codes in _PUIDS.items() for code in codes}

_BY_MIME = {
    "image/tiff": Family.TIFF, "image/jpeg": Family.JPEG, "image/png": Family.PNG, "image/apng": Family.PNG,
    "image/gif": Family.GIF, "image/bmp": Family.BMP, "image/x-ms-bmp": Family.BMP,
    "image/jp2": Family.JPEG_2000, "image/jpx": Family.JPEG_2000, "image/x-jp2-codestream": Family.JPEG_2000,
    "image/webp": Family.WEBP, "application/pdf": Family.PDF, "application/zip": Family.ZIP,
    "application/x-tar": Family.TAR, "application/gzip": Family.GZIP, "application/x-gzip": Family.GZIP,
}  # fmt: skip

_BY_EXTENSION = {
    "tif": Family.TIFF, "tiff": Family.TIFF, "jpg": Family.JPEG, "jpeg": Family.JPEG, "png": Family.PNG,
    "gif": Family.GIF, "bmp": Family.BMP, "jp2": Family.JPEG_2000, "j2k": Family.JPEG_2000,
    "jpf": Family.JPEG_2000, "jpx": Family.JPEG_2000, "webp": Family.WEBP, "pdf": Family.PDF,
}  # fmt: skip

_ZIP_INSIDE = {
    "application/vnd.openxmlformats-officedocument.": Family.OFFICE_OPEN_XML,
    "application/vnd.ms-word.document.macroenabled": Family.OFFICE_OPEN_XML,
    "application/vnd.ms-word.template.macroenabled": Family.OFFICE_OPEN_XML,
    "application/vnd.ms-excel.": Family.OFFICE_OPEN_XML,
    "application/vnd.ms-powerpoint.": Family.OFFICE_OPEN_XML,
    "application/vnd.oasis.opendocument.": Family.OPEN_DOCUMENT,
    "application/epub+zip": Family.EPUB,
}
"""How the media types of documents that are zip inside begin, in small letters: PRONOM has dozens."""

_NOTHING_KNOWN = "application/octet-stream"
_DRAWN_NOT_RASTERED = ("svg", "dwg", "dxf", "dwf", "cgm", "wmf", "emf", "svf")


def family_of(path: RelativePath, identification: Identification) -> Family | None:
    """Return what the file is to be examined as, or ``None`` where nothing here examines it.

    Damage can hide what a file is. So where no engine knows its bytes, its name is believed.
    """
    if identification.decided is not None:
        return _BY_PUID.get(identification.decided) or _zip_inside(identification.mime)
    if identification.mime == _NOTHING_KNOWN:
        return _BY_EXTENSION.get(extension_of(path))
    return _BY_MIME.get(identification.mime) or _zip_inside(identification.mime)


def _zip_inside(mime: MimeType) -> Family | None:
    return next(
        (
            family
            for start, family in _ZIP_INSIDE.items()
            if mime.lower().startswith(start) and "flat" not in mime
        ),
        None,
    )


def is_raster(path: RelativePath, identification: Identification) -> bool:
    """Say whether the file is a raster image, whether or not there is a decoder for it here."""
    family = family_of(path, identification)
    if family is not None:
        return family.is_image
    return is_undecodable_raster(path, identification)


def is_undecodable_raster(path: RelativePath, identification: Identification) -> bool:
    """Say whether the file is a raster image of a format for which there is no decoder here."""
    mime = identification.mime
    return (
        mime.startswith("image/")
        and not any(word in mime for word in _DRAWN_NOT_RASTERED)
        and family_of(path, identification) is None
    )
