"""A dry run, an explanation and an examination say what preserving says: each verdict, and each issue."""

from __future__ import annotations

import io
import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from support.command_runs import near
from support.commands import invoked
from support.flow_runs import installed
from support.pdfs import document, images_for_pdfs, scanned_page


def _png() -> bytes:
    sink = io.BytesIO()
    Image.effect_noise((200, 100), 60).save(sink, "PNG")
    return sink.getvalue()


_CUT = images_for_pdfs()["DCT"]
CASES: dict[str, Callable[[Path], object]] = {
    "sound": lambda drop: (drop / "p.png").write_bytes(_png()),
    "a cut image": lambda drop: (drop / "p.png").write_bytes(_png()[:9000]),
    "a PDF with a cut image": lambda drop: (drop / "a.pdf").write_bytes(
        scanned_page(_CUT[0][:5000], _CUT[1])
    ),
    "a PDF with bytes behind it": lambda drop: (drop / "a.pdf").write_bytes(document() + b"<html>" * 900),
    "an empty file": lambda drop: (drop / "empty.png").write_bytes(b""),
    "a link": lambda drop: (drop / "link").symlink_to("p.png"),
    "an unknown format": lambda drop: (drop / "x.qqq").write_bytes(os.urandom(500)),
    "a wrong manifest": lambda drop: (drop / "checksums.md5").write_text(f"{'0' * 32}  p.png\n"),
    "a name of Windows": lambda drop: (drop / "twin.").write_bytes(b"words"),
}


Line = dict[str, Any]


@dataclass(frozen=True)
class Said:
    """What four verbs said of each case, by its name, and the exit codes of the two that could preserve."""

    dry: dict[str, Line]
    explained: dict[str, Line]
    examined: dict[str, Line]
    done: dict[str, Line]
    exit_codes: tuple[int, int]


@pytest.fixture(scope="module")
def said(tmp_path_factory: pytest.TempPathFactory) -> Said:
    base = tmp_path_factory.mktemp("dry")
    archive = near(installed(base / "archive"))
    drops = [base / "drops" / name.replace(" ", "-") for name in CASES]
    for drop, make in zip(drops, CASES.values(), strict=True):
        drop.mkdir(parents=True)
        (drop / "p.png").write_bytes(_png())
        make(drop)
    policy = archive.directory / "policies" / "digitized-images.toml"
    would = archive.run("preserve", *drops, "-c", "images", "--dry-run", "--json")
    explained = invoked("policy", "explain", str(policy), *map(str, drops), "--json")
    examined = invoked("examine", *map(str, drops), "--policy", str(policy), "--json")
    done = archive.run("preserve", *drops, "-c", "images", "--json")
    return Said(
        _of_drops(would.stdout),
        _of_drops(explained.stdout),
        _of_drops(examined.stdout),
        _of_drops(done.stdout),
        (would.returncode, done.returncode),
    )


def _of_drops(stdout: str) -> dict[str, Line]:
    """Return the lines that give a verdict; those of single files give none."""
    lines = [json.loads(line) for line in stdout.splitlines()]
    return dict(zip(CASES, [line for line in lines if "verdict" in line], strict=True))


@pytest.mark.parametrize("case", CASES)
def test_a_dry_run_says_what_preserving_then_says(said: Said, case: str):
    did = said.done[case]
    for line in (said.dry[case], said.explained[case], said.examined[case]):
        assert line["verdict"] == did["verdict"]
        assert _issues(line) == _issues(did)


def test_a_dry_run_ends_with_the_exit_code_of_preserving(said: Said):
    would, did = said.exit_codes
    assert would == did != 0


def _issues(line: Line) -> list[tuple[str, str, str]]:
    return sorted((one["code"], one["severity"], one["message"]) for one in line["issues"])
