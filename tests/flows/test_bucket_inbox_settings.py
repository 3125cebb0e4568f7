"""Bucket inboxes in ``muniment.toml``."""

from __future__ import annotations

from pathlib import Path

import pytest

from flows.installation import make_installation
from flows.settings import Settings
from flows.settings_file import load_settings
from flows.watching.buckets.claims import installation_mark
from preservation.errors import ConfigurationError

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
        (SCANS.replace('"scans"', '"more"'), "the bucket inboxes scans and more are one place"),
        (
            CLOUD,
            "the bucket inbox scans and the store cloud lie in each other",
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
