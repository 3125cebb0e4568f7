"""A preservation copy that could not be made is told by the exit code, the command and the receipt."""

from __future__ import annotations

import json
from pathlib import Path

from PIL import Image
from support.archives import Archive
from support.command_runs import near
from support.rasters import noise, saved


def test_a_file_without_the_copy_that_the_policy_asks_for_is_told_everywhere(
    installation: Archive, tmp_path: Path
):
    drop = tmp_path / "drops" / "moving"
    drop.mkdir(parents=True)
    frames = [Image.fromarray(noise(20, 20 + extra)[:, :20]) for extra in range(3)]
    moving = saved(frames[0], "GIF", save_all=True, append_images=frames[1:], duration=80)
    (drop / "moving.gif").write_bytes(moving)
    (drop / "still.gif").write_bytes(saved(frames[0], "GIF"))

    finished = near(installation).run("preserve", drop, "--collection", "images", "--json")

    told = json.loads(finished.stdout)
    assert (finished.returncode, told["verdict"]) == (8, "stored"), finished.stderr
    assert "1 file has no preservation copy" in told["sentence"]
    assert [(issue["code"], issue["path"]) for issue in told["issues"] if issue["code"] == "NRM-001"] == [
        ("NRM-001", "moving.gif")
    ]
    receipt = Path(told["receipt"]).with_suffix(".html")
    page = receipt.read_text("utf-8") if receipt.exists() else Path(told["receipt"]).read_text("utf-8")
    assert "Kept as it is, without a preservation copy" in page
    assert "copied to a lasting format" in page  # the still one


def test_of_a_damaged_file_that_the_policy_lets_pass_no_master_is_made(installation: Archive, tmp_path: Path):
    policy = installation.directory / "policies" / "digitized-images.toml"
    words = policy.read_text("utf-8")
    policy.write_text(
        words.replace(
            'check   = "decodable-images"\noutcome = "reject"',
            'check   = "decodable-images"\noutcome = "warn"',
        )
    )
    drop = tmp_path / "drops" / "cut"
    drop.mkdir(parents=True)
    whole = saved(Image.fromarray(noise(200, 200, 3)), "BMP")
    (drop / "cut.bmp").write_bytes(whole[: len(whole) // 2])

    finished = near(installation).run("preserve", drop, "--collection", "images", "--json")

    told = json.loads(finished.stdout)
    assert (finished.returncode, told["verdict"]) == (8, "stored"), finished.stderr
    assert {"SCR-020", "NRM-001"} <= {issue["code"] for issue in told["issues"]}
