"""A dry run, an explanation and an examination say what preserving says: each verdict, and each issue."""

from __future__ import annotations

import io
import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image
from support.archives import Archive
from support.command_runs import near
from support.pdfs import document, images_for_pdfs, scanned_page
from typer.testing import CliRunner

from flows.cli.application import app


@pytest.fixture
def archive(installation: Archive) -> Archive:
    return near(installation)


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


@pytest.mark.parametrize("case", CASES)
def test_a_dry_run_says_what_preserving_then_says(archive: Archive, tmp_path: Path, case: str) -> None:
    drop = tmp_path / "drops" / "it"
    drop.mkdir(parents=True)
    (drop / "p.png").write_bytes(_png())
    CASES[case](drop)
    would = archive.run("preserve", drop, "-c", "images", "--dry-run", "--json")
    policy = archive.directory / "policies" / "digitized-images.toml"
    explained = CliRunner().invoke(app, ["policy", "explain", str(policy), str(drop), "--json"])
    examined = CliRunner().invoke(app, ["examine", str(drop), "--policy", str(policy), "--json"])

    done = archive.run("preserve", drop, "-c", "images", "--json")

    assert would.returncode == done.returncode, would.stderr
    told, did = json.loads(would.stdout), json.loads(done.stdout)
    by_explanation = json.loads(explained.stdout.splitlines()[-1])
    by_examination = json.loads(examined.stdout.splitlines()[-1])
    for line in (told, by_explanation, by_examination):
        assert line["verdict"] == did["verdict"]
        assert _issues(line) == _issues(did)


def _issues(line: dict[str, list[dict[str, str]]]) -> list[tuple[str, str, str]]:
    return sorted((one["code"], one["severity"], one["message"]) for one in line["issues"])
