"""Records: what a stage leaves on disk for the next one."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from pathlib import Path
from time import process_time

import msgspec
import pytest

from preservation.errors import IntegrityError
from preservation.records import Records


class Note(msgspec.Struct, frozen=True):
    number: int
    text: str
    at: Path = Path("drop")


def notes(count: int, length: int = 10) -> Iterator[Note]:
    return (Note(number, chr(97 + number % 26) * length, Path(f"drop/{number}")) for number in range(count))


@pytest.fixture(params=["notes.jsonl", "notes.jsonl.gz"])
def records(request: pytest.FixtureRequest, tmp_path: Path) -> Records[Note]:
    return Records(tmp_path / request.param, Note)


@pytest.mark.parametrize(("count", "length"), [(0, 1), (1, 1), (5_000, 10), (3, 1_000_000)])
def test_what_is_written_is_read_again_in_its_order_and_any_number_of_times(
    records: Records[Note], count: int, length: int
):
    assert records.write(notes(count, length)) == count
    assert list(records) == list(notes(count, length))
    assert list(records) == list(notes(count, length))


def test_every_line_is_json_and_compressed_ones_are_gzip(tmp_path: Path):
    plain, packed = (Records(tmp_path / name, Note) for name in ("a.jsonl", "a.jsonl.gz"))
    plain.write(notes(3000))
    packed.write(notes(3000))
    assert gzip.decompress(packed.path.read_bytes()) == plain.path.read_bytes()
    lines = plain.path.read_bytes().splitlines()
    assert [msgspec.json.decode(line)["number"] for line in lines] == list(range(3000))
    assert packed.path.stat().st_size < plain.path.stat().st_size / 5


def test_nothing_is_visible_until_everything_is_written(records: Records[Note]):
    def failing() -> Iterator[Note]:
        yield from notes(2000)
        assert not records.exist
        raise RuntimeError

    with pytest.raises(RuntimeError):
        records.write(failing())
    assert not records.exist
    assert list(records.so_far) == []


@pytest.mark.parametrize("damage", ["cut", "turned", "another kind"])
def test_damaged_records_are_never_taken_for_whole_ones(records: Records[Note], damage: str):
    records.write(notes(5000))
    content = bytearray(records.path.read_bytes())
    if damage == "cut":
        del content[-20:]
    elif damage == "turned":
        content[len(content) // 2] ^= 0x80
    else:
        other = b'{"number": "one"}\n'
        content = bytearray(gzip.compress(other) if records.path.suffix == ".gz" else other)
    records.path.write_bytes(content)
    with pytest.raises(IntegrityError, match="not a record of Muniment"):
        list(records)


def test_reading_holds_a_few_values_at_a_time_however_well_they_were_packed(tmp_path: Path):
    records = Records(tmp_path / "alike.jsonl.gz", Note)
    records.write(Note(0, "x" * 1000) for _ in range(20_000))
    assert records.path.stat().st_size < 200_000
    pieces = records._texts()
    assert max(len(piece) for piece in pieces) <= 128 << 10


def test_a_value_of_many_megabytes_is_read_in_linear_time(tmp_path: Path):
    records = Records(tmp_path / "one.jsonl", Note)

    def spent(size: int) -> float:
        records.write([Note(0, "x" * size)])
        before = process_time()
        assert [len(note.text) for note in records] == [size]
        return process_time() - before

    # What takes the square of it takes 256 times as long.
    assert spent(64 << 20) < 80 * max(spent(4 << 20), 0.01)
