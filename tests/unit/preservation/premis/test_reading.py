"""The times of files, read out of records of ours, in either form, and out of hostile ones."""

from __future__ import annotations

import tracemalloc
from collections.abc import Mapping

import pytest

from preservation.model.paths import BagPath
from preservation.premis.reading import FileTimes, NoRecordError

TIME = "1768-01-02T00:00:00.123456789Z"
NANOSECONDS = -6_374_419_200 * 10**9 + 123_456_789


def record(kind: str, value: str, time: str = TIME) -> bytes:
    created = f"<dateCreatedByApplication>{time}</dateCreatedByApplication>"
    return (
        '<premis xmlns="http://www.loc.gov/premis/v3"><object><objectIdentifier>'
        f"<objectIdentifierType>{kind}</objectIdentifierType><objectIdentifierValue>{value}</objectIdentifierValue>"
        f"</objectIdentifier><objectCharacteristics><creatingApplication>{created}"
        "</creatingApplication></objectCharacteristics></object></premis>"
    ).encode()


WANTED = frozenset(
    map(BagPath, ("data/originals/100% \x07.tif", "data/originals/100%.tif", "data/originals/a.tif"))
)


def times_in(content: bytes, piece: int = 7) -> Mapping[BagPath, int]:
    times = FileTimes(WANTED)
    for start in range(0, len(content), piece):
        times.feed(content[start : start + piece])
    times.end()
    return times.times


@pytest.mark.parametrize(
    ("kind", "value", "path"),
    [
        (
            "Muniment URI",
            "muniment://maps/a/v2/data/originals/100%25%20%07.tif",
            "data/originals/100% \x07.tif",
        ),
        ("bag path", "data/originals/100%25.tif", "data/originals/100%.tif"),
    ],
)
def test_a_time_is_found_in_either_form(kind: str, value: str, path: str):
    assert times_in(record(kind, value)) == {path: NANOSECONDS}


@pytest.mark.parametrize(
    ("kind", "value", "time"),
    [
        ("Muniment URI", "muniment://maps/a/v2/../../etc/passwd", TIME),
        ("bag path", "../../etc/passwd", TIME),
        ("bag path", "data/originals/%FF", TIME),
        ("local", "data/originals/a.tif", TIME),
        ("bag path", "data/originals/a.tif", "yesterday"),
    ],
)
def test_what_is_no_file_of_a_package_or_no_time_of_ours_counts_for_nothing(kind: str, value: str, time: str):
    assert times_in(record(kind, value, time)) == {}


@pytest.mark.parametrize(
    "content",
    [
        b'<!DOCTYPE premis [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><premis>&b;</premis>',
        b"<premis><object></premis>",
        b"<premis>",
        b"",
        b"\x00\x01 no XML",
    ],
)
def test_what_is_no_record_is_refused(content: bytes):
    with pytest.raises(NoRecordError):
        times_in(content)


def test_a_value_without_end_takes_no_more_memory_than_a_long_one():
    content = record("bag path", "data/" + "a/" * 5_000_000)
    tracemalloc.start()
    assert times_in(content, piece=1 << 16) == {}
    _, highest = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert highest < 1_000_000


def test_what_follows_the_last_wanted_file_is_not_looked_at():
    times = FileTimes(frozenset({BagPath("data/originals/a.tif")}))
    times.feed(record("bag path", "data/originals/a.tif"))
    times.feed(b"<<< no XML at all")
    times.end()
    assert times.times == {"data/originals/a.tif": NANOSECONDS}
