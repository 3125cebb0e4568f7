"""``muniment policy``: check, explain, schema."""

from __future__ import annotations

import hashlib
import os
import zipfile
from pathlib import Path

import msgspec
import pytest
from PIL import Image
from support.commands import Result, invoked
from support.policies import a_rule, policy_text
from support.surveys import drop

from preservation.errors import ConfigurationError, NotFoundError
from preservation.policy.json_schema import json_schema


def run(*arguments: str | Path) -> Result:
    return invoked("policy", *map(str, arguments))


def lines(result: Result) -> list[dict[str, object]]:
    return [msgspec.json.decode(line) for line in result.stdout_bytes.splitlines()]


def of_files(result: Result) -> list[dict[str, object]]:
    return [line for line in lines(result) if line["line"] == "file"]


@pytest.fixture
def sound(tmp_path: Path) -> Path:
    file = tmp_path / "sound.toml"
    sections = (
        '[intake]\njunk = ["Thumbs.db"]\njunk_action = "leave-out"\n',
        a_rule(
            "bmp",
            'puid = ["fmt/116"]',
            'normalize = { migration = "image-to-tiff" }\nprove = ["same-pixels"]',
        ),
        a_rule("text", 'puid = ["x-fmt/111"]'),
    )
    file.write_text(policy_text(*sections))
    return file


@pytest.fixture
def unsound(tmp_path: Path) -> Path:
    file = tmp_path / "unsound.toml"
    file.write_text(policy_text("[intake]\njunc = []\n", a_rule("a", "puid = []")))
    return file


def test_a_sound_policy_is_told_by_name_revision_and_digest(sound: Path):
    result = run("check", sound)
    assert result.exit_code == 0
    digest = hashlib.sha256(sound.read_bytes()).hexdigest()
    assert result.stdout == f"the policy {sound} is sound: test revision 7 (sha256 {digest})\n"


def test_a_policy_that_names_what_pronom_never_gave_is_not_plainly_sound(sound: Path):
    sound.write_text(sound.read_text().replace("fmt/116", "fmt/99999"))
    result = run("check", sound)
    assert result.exit_code == 0
    assert result.stdout.startswith(f"the policy {sound} is sound, with 1 warning: ")
    assert "WARNING: " in result.stdout


def test_all_faults_of_all_files_are_told_and_the_exit_code_is_that_of_configuration(
    sound: Path, unsound: Path, tmp_path: Path
):
    result = run("check", unsound, sound, tmp_path / "missing.toml", "--json")
    assert result.exit_code == 2
    first, second, third = lines(result)
    assert (first["sound"], second["sound"], third["sound"]) == (False, True, False)
    assert [fault.split(":")[1] for fault in first["faults"]] == ["10", "15"]
    assert third["faults"] == [f"{tmp_path / 'missing.toml'}: cannot be read: No such file or directory"]


def test_faults_are_told_in_plain_lines_without_json(unsound: Path):
    result = run("check", unsound)
    assert result.exit_code == 2
    assert result.stdout.startswith(f"the policy {unsound} has 2 faults:\n  {unsound}:10: intake.junc: ")
    assert result.stderr == ""


def test_each_file_of_a_drop_is_explained_and_nothing_is_touched(sound: Path, tmp_path: Path):
    root = drop(tmp_path / "drop", {"notes/a.txt": b"words\n", "Thumbs.db": b"\0\1", "z.qqq": b"\0\1\2"})
    (root / "link").symlink_to("notes/a.txt")
    before = {path: path.lstat() for path in root.rglob("*")}

    result = run("explain", sound, root, "--json")

    assert result.exit_code == 0
    told = of_files(result)
    assert [(line["path"], line["rule"], line["action"]) for line in told] == [
        ("Thumbs.db", "junk", "leave-out"),
        ("notes/a.txt", "text", "retain"),
        ("z.qqq", "otherwise", "retain"),
    ]
    assert told[1] == {
        "version": 1,
        "line": "file",
        "path": "notes/a.txt",
        "size": 6,
        "puid": "x-fmt/111",
        "format": "Plain Text File",
        "action": "retain",
        "rule": "text",
        "because": "Because text.",
        "reason": "its format is x-fmt/111, Plain Text File",
        "would": "It would be kept as it is.",
        "issues": [],
        "unexamined": "no examiner for Plain Text File",
        "normalize": None,
        "prove": [],
        "accept_loss": [],
        "access": None,
        "passed_over": [
            {"rule": "bmp", "reason": "its format (x-fmt/111, Plain Text File) is none of those named"}
        ],
    }
    assert result.stderr == "link: symbolic link; rules are for files only\n"
    after = {path: path.lstat() for path in root.rglob("*")}
    assert {path: (was.st_mtime_ns, was.st_size) for path, was in before.items()} == {
        path: (now.st_mtime_ns, now.st_size) for path, now in after.items()
    }


def test_a_single_file_is_a_drop_of_its_own(sound: Path, tmp_path: Path):
    drop(tmp_path, {"deep/down/a.txt": b"words\n"})
    (told,) = of_files(run("explain", sound, tmp_path / "deep" / "down" / "a.txt", "--json"))
    assert (told["path"], told["rule"]) == ("a.txt", "text")


def test_an_explanation_for_people_names_the_file_the_rule_and_what_would_happen(sound: Path, tmp_path: Path):
    root = drop(tmp_path / "drop", {"a\nb.txt": b"words\n"})
    said = (
        "a\\nb.txt  (x-fmt/111, Plain Text File)\n"
        "  retain by rule text, because its format is x-fmt/111, Plain Text File\n"
        "    Because text.\n"
        "    It would be kept as it is.\n"
        "    It was not examined: no examiner for Plain Text File.\n"
    )
    of_drops = (
        f"The drop {root} would be STORED: It would be kept.\n"
        "A drop that lacks files of the version before would be kept, with a warning.\n"
        "A drop that has no file in common with the version before would be kept, with a warning.\n"
    )
    assert run("explain", sound, root).stdout == said + of_drops
    assert run("explain", sound, root, "--why-not").stdout == said + (
        "  not bmp: its format (x-fmt/111, Plain Text File) is none of those named\n" + of_drops
    )


def test_an_explanation_says_what_is_examined_and_what_is_unpacked(tmp_path: Path):
    policy = Path(__file__).parents[4] / "policies" / "digitized-images.toml"
    drop(tmp_path, {"a.wav": b"RIFF\x24\0\0\0WAVEfmt \x10\0\0\0\1\0\1\0" + bytes(20)})
    with zipfile.ZipFile(tmp_path / "scans.zip", "w") as archive:
        archive.writestr("p1.txt", "words")
    Image.new("L", (4, 4)).save(tmp_path / "p.tif")
    assert "It was not examined: no examiner for " in run("explain", policy, tmp_path / "a.wav").stdout
    assert "It was examined to its end." in run("explain", policy, tmp_path / "p.tif").stdout
    assert (
        "It would be unpacked: what is in it is kept" in run("explain", policy, tmp_path / "scans.zip").stdout
    )


def test_what_a_screen_finds_is_said_and_never_that_the_file_would_be_kept(tmp_path: Path):
    policy = Path(__file__).parents[4] / "policies" / "digitized-images.toml"
    Image.effect_noise((200, 100), 60).save(tmp_path / "p.png")
    (tmp_path / "p.png").write_bytes((tmp_path / "p.png").read_bytes()[:9000])
    said = run("explain", policy, tmp_path / "p.png").stdout
    assert "It would be kept" not in said
    assert "The whole drop would be rejected: p.png is a damaged image" in said
    assert f"The drop {tmp_path / 'p.png'} would be REJECTED: p.png is a damaged image" in said
    file, whole = lines(run("explain", policy, tmp_path / "p.png", "--json"))
    assert "SCR-020" in [issue["code"] for issue in file["issues"]]
    assert (whole["line"], whole["verdict"]) == ("drop", "rejected")


@pytest.mark.parametrize("gate", ["books", "manuscripts", "newspapers", "photographs"])
def test_a_shipped_policy_of_the_gate_is_explained_with_what_is_not_as_agreed(tmp_path: Path, gate: str):
    policy = Path(__file__).parents[4] / "policies" / f"{gate}.toml"
    (tmp_path / "drop").mkdir()
    Image.new("L", (40, 40)).save(tmp_path / "drop" / "scan7.tif")
    assert run("check", policy).exit_code == 0
    *_, whole = lines(run("explain", policy, tmp_path / "drop", "--json"))
    assert (whole["line"], whole["verdict"]) == ("drop", "rejected")
    said = run("explain", policy, tmp_path / "drop").stdout
    assert "scan7.tif has a name that does not fit" in said
    assert "states no resolution" in said


def test_a_name_that_is_not_utf8_is_not_explained_and_does_no_harm(sound: Path, tmp_path: Path):
    root = drop(tmp_path / "drop", {"a.txt": b"words\n"})
    (Path(os.fsdecode(os.fsencode(root) + b"/\xff.txt"))).write_bytes(b"x")
    result = run("explain", sound, root, "--json")
    assert [line["path"] for line in of_files(result)] == ["a.txt"]
    assert "name that is not UTF-8" in result.stderr


def test_nothing_is_explained_by_a_policy_that_is_not_sound(unsound: Path, tmp_path: Path):
    root = drop(tmp_path / "drop", {"a.txt": b"words\n"})
    result = run("explain", unsound, root)
    assert isinstance(result.exception, ConfigurationError)
    assert result.stdout == ""


def test_what_is_not_there_is_told_and_the_others_are_explained_all_the_same(sound: Path, tmp_path: Path):
    drop(tmp_path, {"a.txt": b"words\n"})
    result = run("explain", sound, tmp_path / "mis\nsing", tmp_path / "a.txt", "--json")
    assert isinstance(result.exception, NotFoundError)
    assert result.exception.exit_code == 6
    assert result.stderr == f"{tmp_path}/mis\\nsing: there is nothing here; check the spelling\n"
    assert [line["path"] for line in of_files(result)] == ["a.txt"]


def test_the_schema_is_written_to_stdout():
    assert msgspec.json.decode(run("schema").stdout) == json_schema()
