"""The files of a record are read as they come; what is hostile is refused."""

from __future__ import annotations

import io
import tracemalloc
from collections.abc import Iterator

import pytest

from preservation.model.digests import Algorithm
from preservation.premis.reading import NoRecordError
from preservation.premis.recorded_files import RecordedFile, recorded_files

SHA256 = "5c" * 32


def format_unit(key: str, note: str = "") -> str:
    registry = f"<formatRegistry><formatRegistryKey>{key}</formatRegistryKey></formatRegistry>" if key else ""
    return f"<format>{registry}<formatNote>{note}</formatNote></format>"


def file(
    path: str = "data/originals/a.tif",
    formats: str = format_unit("fmt/353"),
    digest: str = SHA256,
    kind: str = "Muniment URI",
) -> str:
    value = f"muniment://maps/a/v2/{path}" if kind == "Muniment URI" else path
    return (
        f"<object><objectIdentifier><objectIdentifierType>{kind}</objectIdentifierType>"
        f"<objectIdentifierValue>{value}</objectIdentifierValue></objectIdentifier><objectCharacteristics>"
        "<fixity><messageDigestAlgorithm>SHA-256</messageDigestAlgorithm>"
        f"<messageDigest>{digest}</messageDigest></fixity>"
        "<fixity><messageDigestAlgorithm>MD5</messageDigestAlgorithm>"
        f"<messageDigest>{'0' * 32}</messageDigest></fixity><size>12</size>{formats}</objectCharacteristics>"
        "<relationship><relatedObjectIdentifier><relatedObjectIdentifierType>Muniment URI"
        "</relatedObjectIdentifierType><relatedObjectIdentifierValue>muniment://maps/a/v1/data/originals/b"
        "</relatedObjectIdentifierValue></relatedObjectIdentifier></relationship></object>"
    )


def record(*objects: str, before: str = "") -> io.BytesIO:
    return io.BytesIO(
        f'{before}<premis xmlns="http://www.loc.gov/premis/v3">{"".join(objects)}</premis>'.encode()
    )


def read(*objects: str) -> list[RecordedFile]:
    return list(recorded_files(record(*objects)))


def test_a_file_has_its_path_size_digests_and_format():
    [found] = read(file("data/originals/100%25%20%07.tif"))
    assert (found.path, found.size, found.puid) == ("data/originals/100% \x07.tif", 12, "fmt/353")
    assert found.digests == {Algorithm.SHA256: SHA256, Algorithm.MD5: "0" * 32}


def test_files_of_0_1_0_are_known_by_their_bag_path():
    [found] = read(file("data/originals/100%25.tif", kind="bag path"))
    assert found.path == "data/originals/100%.tif"


@pytest.mark.parametrize(
    "formats",
    [
        format_unit(""),
        format_unit("fmt/1") + format_unit("fmt/2"),
        format_unit("fmt/1", "one of several possibilities"),
    ],
    ids=["unknown", "several", "one that may be"],
)
def test_a_format_that_was_not_decided_is_none(formats: str):
    assert [one.puid for one in read(file(formats=formats))] == [None]


def test_what_is_no_file_of_the_payload_is_passed_over():
    assert (
        read(
            file("metadata/x.xml"),
            file("maps/a/v2/x.jpg", kind="Muniment access copy"),
            file("data/originals/"),
        )
        == []
    )


@pytest.mark.parametrize(
    "content",
    [
        record(file(digest="5c")),
        record(file(formats=format_unit("x"))),
        record(file().replace("<size>12</size>", "")),
        io.BytesIO(b"<premis xmlns='http://www.loc.gov/premis/v3'><object>"),
        io.BytesIO(b"no xml"),
        record(file(), before='<!DOCTYPE premis [<!ENTITY a "b">]>'),
    ],
    ids=["digest", "format", "size", "cut", "no XML", "declaration"],
)
def test_what_is_no_record_of_ours_is_refused(content: io.BytesIO):
    with pytest.raises(NoRecordError):
        list(recorded_files(content))


class _Endless(io.RawIOBase):
    """A record of many files that is never held."""

    def __init__(self, files: int) -> None:
        self._blocks = self._made(files)

    @staticmethod
    def _made(files: int) -> Iterator[bytes]:
        yield b'<premis xmlns="http://www.loc.gov/premis/v3">'
        for number in range(files):
            yield file(f"data/originals/{number}").encode()
        yield b"</premis>"

    def read(self, _: int = -1) -> bytes:
        return next(self._blocks, b"")


def test_memory_does_not_grow_with_the_files():
    peaks = []
    for files in (200, 2000):
        tracemalloc.start()
        assert sum(1 for _ in recorded_files(_Endless(files))) == files  # type: ignore[arg-type]  # it is only read
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 2 * peaks[0] + 100_000
