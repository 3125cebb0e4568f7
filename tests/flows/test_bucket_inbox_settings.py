"""Bucket inboxes in ``muniment.toml``."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from flows.inboxes.bucket.claims import installation_mark
from flows.installation.init import make_installation
from flows.installation.settings import Settings
from flows.installation.settings_file import load_settings
from preservation.errors import ConfigurationError, IntegrityError

SCANS = '\n[[bucket_inbox]]\nname = "scans"\nbucket = "scans-of-the-town"\n'
CLOUD = """
[[store]]
name = "cloud"
kind = "s3"
bucket = "scans-of-the-town"
prefix = "archive"
site = "elsewhere"
"""


def with_inboxes(tmp_path: Path, *sections: str) -> Settings:
    make_installation(tmp_path / "archive")
    with (tmp_path / "archive" / "muniment.toml").open("a") as settings:
        settings.writelines(sections)
    return load_settings(tmp_path / "archive")


def test_a_bucket_inbox_needs_a_name_and_a_bucket(tmp_path: Path):
    [inbox] = with_inboxes(tmp_path, SCANS).bucket_inbox
    assert (inbox.name, inbox.bucket, inbox.prefix, inbox.poll) == ("scans", "scans-of-the-town", "", 30)


@pytest.mark.parametrize(
    ("second", "said"),
    [
        (SCANS.replace("scans-of-the-town", "others"), "more than one bucket inbox is called scans"),
        (
            SCANS.replace('"scans"', '"more"'),
            "the bucket inbox scans and the bucket inbox more are one place",
        ),
        (
            SCANS.replace('"scans"', '"more"') + 'prefix = "inbox/maps"\n',
            "the bucket inbox scans and the bucket inbox more are one place, or lie in each other",
        ),
        (
            CLOUD,
            "the bucket inbox scans and the store cloud are one place, or lie in each other",
        ),
        (SCANS.replace('"scans"', '"more"') + 'secret = "x"\n', "secret"),
    ],
)
def test_what_cannot_be_is_told(tmp_path: Path, second: str, said: str):
    with pytest.raises(ConfigurationError, match=said):
        with_inboxes(tmp_path, SCANS, second)


def test_the_section_that_a_new_installation_shows_is_sound(tmp_path: Path):
    make_installation(tmp_path / "archive")
    file = tmp_path / "archive" / "muniment.toml"
    before, _, after = file.read_text().partition("# [[bucket_inbox]]\n")
    section, _, rest = after.partition("\n\n")
    shown = "\n".join(line.removeprefix("# ") for line in section.splitlines())
    file.write_text(f"{before}[[bucket_inbox]]\n{shown}\n\n{rest}")
    [inbox] = load_settings(tmp_path / "archive").bucket_inbox
    assert inbox.endpoint_url == "https://s3.example.com"


def test_an_installation_has_a_mark_of_its_own_that_stays(tmp_path: Path):
    ours, theirs = (with_inboxes(tmp_path / name) for name in ("ours", "theirs"))
    assert installation_mark(ours) == installation_mark(ours) != installation_mark(theirs)
    assert sorted(path.name for path in ours.state.iterdir()).count("installation") == 1


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("https://s3.example.org/", "https://s3.example.org"),
        ("https://S3.Example.org", "https://s3.example.org"),
        ("https://s3.example.org:443", "http://s3.example.org"),
        ("https://s3.example.org/path/", "https://s3.example.org/path"),
        ("https://s3.eu-central-1.amazonaws.com", ""),
    ],
)
def test_one_service_is_one_however_its_address_is_written(tmp_path: Path, one: str, other: str):
    scans, cloud = (f'{section}endpoint_url = "{url}"\n' for section, url in ((SCANS, one), (CLOUD, other)))
    with pytest.raises(ConfigurationError, match="lie in each other"):
        with_inboxes(tmp_path, scans, cloud)


def test_inboxes_beside_each_other_and_on_other_services_are_apart(tmp_path: Path):
    more = SCANS.replace('"scans"', '"more"') + 'prefix = "b"\n'
    elsewhere = SCANS.replace('"scans"', '"else"') + 'endpoint_url = "https://s3.example.org:8443"\n'
    settings = with_inboxes(tmp_path, SCANS + 'prefix = "a"\n', more, elsewhere)
    assert [inbox.name for inbox in settings.bucket_inbox] == ["scans", "more", "else"]


@pytest.mark.parametrize("mark", [b"", b"\n", b"\0" * 33, b"0123"])
def test_a_mark_that_a_machine_going_down_has_damaged_is_nobody_s(tmp_path: Path, mark: bytes):
    settings = with_inboxes(tmp_path)
    (settings.state / "installation").write_bytes(mark)
    with pytest.raises(IntegrityError, match="the mark of this installation is damaged"):
        installation_mark(settings)


def test_a_mark_is_durable_before_it_has_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    settings = with_inboxes(tmp_path)
    synced: list[int] = []
    monkeypatch.setattr("os.fsync", lambda descriptor: synced.append(os.fstat(descriptor).st_size))
    installation_mark(settings)
    assert synced[0] == 33
