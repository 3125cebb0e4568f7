"""The policies that come with Muniment say what their comments promise."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from lxml import etree
from support.policies import a_file

from preservation.model.decisions import Action
from preservation.policy.intake import JunkAction
from preservation.policy.load import parse
from preservation.policy.schema import Policy
from preservation.policy.screen_tables import ScreenOutcome
from preservation.policy.selection import decide, is_descriptive, is_left_out
from preservation.policy.shipped import shipped_policies


def shipped(name: str) -> Policy:
    return parse(shipped_policies()[f"{name}.toml"], f"{name}.toml")


def puids_in(policy: Policy) -> set[str]:
    return {puid for rule in policy.terms.rules for puid in rule.when.puid}


GATES = ["books", "manuscripts", "newspapers", "photographs"]


def test_eight_policies_and_their_schema_are_shipped_and_sound():
    names = sorted(["bit-level", "digitized-documents", "digitized-images", "whole-files", *GATES])
    assert list(shipped_policies()) == sorted(["policy.schema.json", *(f"{name}.toml" for name in names)])
    assert [shipped(name).terms.policy for name in names] == names


@pytest.mark.parametrize(
    ("puid", "action", "rule"),
    [
        ("fmt/353", Action.RETAIN, "tiff"),
        ("fmt/43", Action.RETAIN, "jpeg"),
        ("fmt/11", Action.RETAIN, "png"),
        ("x-fmt/392", Action.RETAIN, "jpeg-2000"),
        ("fmt/116", Action.NORMALIZE, "bmp-to-tiff"),
        ("fmt/4", Action.NORMALIZE, "gif-to-tiff"),
        ("fmt/18", Action.RETAIN, "pdf"),
        ("x-fmt/18", Action.RETAIN, "sidecars"),
        ("fmt/993", Action.RETAIN, "sidecars"),
        ("fmt/412", Action.ASK, "otherwise"),
        (None, Action.ASK, "otherwise"),
    ],
)
def test_images_are_decided_on_by_format(puid: str | None, action: Action, rule: str):
    decision = decide(shipped("digitized-images"), a_file("scans/a.tif", puid))
    assert (decision.action, decision.rule) == (action, rule)


@pytest.mark.parametrize(
    ("puid", "action", "rule"),
    [
        ("fmt/353", Action.NORMALIZE, "pages-to-jp2"),
        ("fmt/276", Action.RETAIN, "pdf"),
        ("fmt/477", Action.RETAIN, "pdf"),
        ("fmt/471", Action.RETAIN, "sidecars"),
        ("fmt/116", Action.ASK, "otherwise"),
    ],
)
def test_documents_are_decided_on_by_format(puid: str, action: Action, rule: str):
    decision = decide(shipped("digitized-documents"), a_file("pages/1.tif", puid))
    assert (decision.action, decision.rule) == (action, rule)


@pytest.mark.parametrize("name", ["digitized-images", "digitized-documents", *GATES])
def test_a_sidecar_of_unknown_format_is_kept_and_no_screen_asks_about_it(name: str):
    policy = shipped(name)
    (known,) = (screen for screen in policy.terms.screens if screen.check == "known-format")
    for path in ("a.xmp", "b/list.XML", "sums.sha1"):
        assert decide(policy, a_file(path)).rule == "sidecars-by-name"
    by_name = next(rule for rule in policy.terms.rules if rule.id == "sidecars-by-name")
    assert set(known.exempt) == {f"*.{extension}" for extension in by_name.when.extension}


def test_what_an_operating_system_left_behind_is_left_out_of_digitized_things_only():
    for name, left_out in (("digitized-images", True), ("digitized-documents", True), ("bit-level", False)):
        for path in ("a/Thumbs.db", ".DS_Store", "x/._scan.tif", "__MACOSX/a.tif"):
            assert is_left_out(shipped(name), path) is left_out
    assert shipped("bit-level").terms.intake.junk_action is JunkAction.KEEP


def test_descriptive_metadata_is_known_by_name():
    for path in ("metadata.csv", "a/mods.xml", "map.dc.xml", "marc.xml"):
        assert is_descriptive(shipped("digitized-images"), path)
    assert not is_descriptive(shipped("digitized-images"), "other.csv")


def test_the_bit_level_keeps_everything_and_sends_back_only_what_no_package_can_hold():
    policy = shipped("bit-level")
    assert policy.terms.rules == ()
    assert {screen.check for screen in policy.terms.screens if screen.outcome is not ScreenOutcome.WARN} == {
        "irregular-entries"
    }
    for path, puid in (("Thumbs.db", None), ("a.exe", "x-fmt/411"), ("a.tif", "fmt/353")):
        assert decide(policy, a_file(path, puid)).action is Action.RETAIN


def test_every_normalization_is_proved_in_its_pixels():
    for name in ("digitized-images", "digitized-documents"):
        for matcher in shipped(name).matchers.all:
            assert matcher.normalize is None or "same-pixels" in matcher.proofs


def test_every_normalization_is_proved_to_leave_nothing_behind_but_what_is_named():
    for name in ("digitized-images", "digitized-documents"):
        for matcher in shipped(name).matchers.all:
            assert matcher.normalize is None or "same-embedded-metadata" in matcher.proofs


def test_every_format_named_is_one_that_pronom_knows(corpora: Path):
    (signatures,) = (corpora / "pronom-builder").glob("DROID_SignatureFile_V*.xml")
    formats = {
        element.get("PUID"): f"{element.get('Name')} {element.get('Version') or ''}"
        for element in etree.parse(signatures).iter("{*}FileFormat")
    }
    about = re.compile(
        r"Tagged Image|TIFF|Exchangeable Image|Zoomify|JPEG|JP2|Portable Network|Bitmap|Graphics Interchange|"
        r"PDF|Text|[Ss]eparated|Markup|JSON|MD5|SHA|ICC"
    )
    for name in ("digitized-images", "digitized-documents", *GATES):
        unexpected = {puid: formats.get(puid) for puid in puids_in(shipped(name))}
        assert [puid for puid, known in unexpected.items() if not known or not about.search(known)] == []
