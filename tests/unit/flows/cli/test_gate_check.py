"""``muniment gate check``: what the service would answer, without an installation."""

from __future__ import annotations

import csv
from pathlib import Path

import msgspec
import pytest
from PIL import Image
from support.commands import Result, invoked

from preservation.errors import ConfigurationError, UnavailableError

PROJECT = Path(__file__).parents[4]


def run(*arguments: str | Path) -> Result:
    return invoked("gate", "check", *map(str, arguments))


@pytest.fixture
def sound(tmp_path: Path) -> Path:
    """A delivery of two pages."""
    folder = tmp_path / "ms-1387"
    folder.mkdir()
    for number in (1, 2):
        Image.new("L", (40, 30), 120).save(folder / f"page_{number}.tif")
    return folder


@pytest.fixture
def damaged(tmp_path: Path, sound: Path) -> Path:
    """A delivery of which two pages break off."""
    folder = tmp_path / "ms-1388"
    folder.mkdir()
    for number in (1, 2, 3):
        content = (sound / "page_1.tif").read_bytes()
        (folder / f"page_{number}.tif").write_bytes(content if number == 1 else content[:700])
    return folder


def test_what_nothing_is_against_is_fit_and_nothing_says_that_it_is_kept(tmp_path: Path, sound: Path):
    result = run(sound, "--report", tmp_path / "page.html", "--csv", tmp_path / "list.csv")

    assert result.exit_code == 0, result.output
    assert result.stdout.startswith(f"FIT TO BE KEPT  {sound}\n  2 files")
    assert "passed   2 images: decoded to the end, no finding" in result.stdout
    page = (tmp_path / "page.html").read_text()
    assert "Nothing is against it." in page
    assert "Would be kept as it is" in page
    assert page.count("data:image/jpeg;base64,") == 2
    assert (tmp_path / "list.csv").read_bytes() == b"object,file,code,finding,next step\r\n"


def test_what_would_be_sent_back_is_told_by_fault_and_named_in_the_table(tmp_path: Path, damaged: Path):
    beside = {name: tmp_path / f"page{name}" for name in (".html", ".csv", ".json")}
    beside[".json"].write_text("somebody else's")
    result = run(damaged, "--report", beside[".html"], "--csv", beside[".csv"])

    assert result.exit_code == 3, result.output
    assert beside[".json"].read_text() == "somebody else's"
    assert "error    2 files: Damaged image (SCR-020)" in result.stdout
    assert "passed   1 image: decoded to the end, no finding" in result.stdout
    assert "Would be sent back: 2 files to mend." in (tmp_path / "page.html").read_text()
    with beside[".csv"].open(newline="") as file:
        rows = [(row["object"], row["file"], row["code"]) for row in csv.DictReader(file)]
    assert rows == [
        ("whole-files/ms-1388", "page_2.tif", "SCR-020"),
        ("whole-files/ms-1388", "page_3.tif", "SCR-020"),
    ]


def test_several_deliveries_have_a_page_each_and_one_table(tmp_path: Path, sound: Path, damaged: Path):
    other = tmp_path / "other" / sound.name
    other.mkdir(parents=True)
    (other / "page_1.tif").write_bytes((sound / "page_1.tif").read_bytes())

    result = run(sound, damaged, other, "--report", tmp_path / "pages", "--csv", tmp_path / "list.csv")

    assert result.exit_code == 3
    assert sorted(path.name for path in (tmp_path / "pages").glob("*.html")) == [
        "ms-1387 (2).html",
        "ms-1387.html",
        "ms-1388.html",
    ]
    assert len((tmp_path / "list.csv").read_text().splitlines()) == 3
    alone = run(sound, damaged, "--report", tmp_path / "page.html")
    assert isinstance(alone.exception, ConfigurationError)
    assert alone.stdout == ""


def test_a_name_that_stays_in_its_inbox_is_told_with_all_the_rest(tmp_path: Path, damaged: Path):
    named = damaged.rename(tmp_path / "_ms-1388")
    result = run(named, "--json", "--csv", tmp_path / "list.csv")

    assert result.exit_code == 3
    whole = [msgspec.json.decode(line) for line in result.stdout_bytes.splitlines()][-1]
    assert whole["verdict"] == "rejected"
    assert [issue["code"] for issue in whole["issues"]] == ["INT-013", "SCR-020", "SCR-020"]
    assert "INT-013" in (tmp_path / "list.csv").read_text()


def test_a_person_would_be_asked_where_the_policy_asks(tmp_path: Path, damaged: Path):
    source = (PROJECT / "policies" / "whole-files.toml").read_text()
    policy = tmp_path / "ask.toml"
    rejects = 'check   = "decodable-images"\noutcome = "reject"'
    assert rejects in source
    policy.write_text(source.replace(rejects, rejects.replace("reject", "ask")))
    result = run(
        damaged, "--policy", policy, "--report", tmp_path / "page.html", "--csv", tmp_path / "list.csv"
    )

    assert result.exit_code == 7
    page = (tmp_path / "page.html").read_text()
    assert "An archivist would be asked." in page
    assert "muniment approve" not in page
    assert len((tmp_path / "list.csv").read_text().splitlines()) == 3


def test_what_cannot_be_written_or_read_is_named(tmp_path: Path, sound: Path):
    unwritable = run(sound, "--csv", tmp_path / "missing" / "list.csv")
    assert isinstance(unwritable.exception, UnavailableError)
    assert "missing/list.csv cannot be written" in str(unwritable.exception)
    unreadable = run(sound, "--policy", tmp_path / "missing.toml")
    assert isinstance(unreadable.exception, ConfigurationError)
    (tmp_path / "unsound.toml").write_text('policy = "unsound"\n')
    unsound = run(sound, "--policy", tmp_path / "unsound.toml")
    assert f"the policy {tmp_path / 'unsound.toml'} has" in str(unsound.exception)
    assert run(tmp_path / "nothing").exit_code == 6
