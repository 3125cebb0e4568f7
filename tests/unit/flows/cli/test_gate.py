"""``muniment gate calibrate``: good scans in, a screen out that finds nothing in them."""

from __future__ import annotations

from pathlib import Path

import msgspec
from support import scanned_pages
from support.commands import invoked
from support.images import encoded
from support.policies import policy_text

DECODABLE = '[[screen]]\ncheck = "decodable-images"\noutcome = "reject"\nbecause = "B."\n'


def asked(*words: str) -> tuple[int, str, str]:
    result = invoked("gate", "calibrate", *words)
    code = getattr(result.exception, "exit_code", None) or result.exit_code
    return code, result.stdout, f"{result.stderr}{result.exception or ''}"


def test_with_the_screen_that_is_printed_the_measured_scans_have_no_finding(tmp_path: Path):
    good = tmp_path / "good"
    good.mkdir()
    for seed in range(3):
        askew = scanned_pages.turned(scanned_pages.page(seed), seed - 1)
        (good / f"{seed}.tif").write_bytes(encoded(askew, "TIFF"))
    code, out, _ = asked(str(good))
    assert code == 0
    rows = {line.split()[0]: line.split()[1:] for line in out.splitlines() if line.startswith("skew ")}
    assert float(rows["skew"][-1]) >= 1.0
    assert "\nskew       = 1.25\n" in out
    screen = out[out.index("[[screen]]") :]
    policy = tmp_path / "policy.toml"
    policy.write_text(policy_text(DECODABLE, screen))
    (good / "askew.tif").write_bytes(encoded(scanned_pages.turned(scanned_pages.page(7), 2), "TIFF"))
    examined = invoked("examine", "--policy", str(policy), "--json", str(good))
    issues = msgspec.json.decode(examined.stdout.splitlines()[-1])["issues"]
    assert [(issue["code"], issue["path"]) for issue in issues if issue["code"][:3] == "PAG"] == [
        ("PAG-005", "askew.tif")
    ]


def test_images_that_are_damaged_or_twice_there_are_named_and_text_is_passed_over(tmp_path: Path):
    page = encoded(scanned_pages.page(), "TIFF")
    files = {"a.tif": page, "b.tif": page, "cut.tif": page[: len(page) // 2], "notes.txt": b"words\n"}
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
    code, out, _ = asked(str(tmp_path), "--json")
    found = msgspec.json.decode(out)
    assert (code, found["pages"], found["unmeasured"]) == (0, 2, ["cut.tif"])
    assert [(pair["path"], pair["other"]) for pair in found["alike"]] == [("b.tif", "a.tif")]


def test_a_folder_without_a_scan_is_an_error_and_so_is_none(tmp_path: Path):
    (tmp_path / "notes.txt").write_bytes(b"words\n")
    code, _, said = asked(str(tmp_path))
    assert (code, "no image in it could be measured" in said) == (3, True)
    code, _, said = asked(str(tmp_path / "gone"))
    assert (code, "there is no folder here" in said) == (6, True)
