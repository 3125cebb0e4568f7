from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

import msgspec
from support.packages import Drop, surveyed

from preservation.model.decisions import Action
from preservation.model.files import EntryKind
from preservation.packaging.fingerprint import fingerprint


def a_drop(root: Path) -> Drop:
    drop = Drop(root)
    drop.add("a.tif", b"one")
    drop.add("b\n.tif", b"two")
    return drop


def test_the_fingerprint_can_be_made_with_other_tools(tmp_path: Path):
    expected = hashlib.sha256(
        b"3 %s  a.tif\n3 %s  b%%0A.tif\n"
        % (hashlib.sha256(b"one").hexdigest().encode(), hashlib.sha256(b"two").hexdigest().encode())
    ).hexdigest()

    assert fingerprint(a_drop(tmp_path).dossiers()) == expected


def test_dates_and_what_is_left_out_do_not_change_it(tmp_path: Path):
    drop = a_drop(tmp_path)
    before = fingerprint(drop.dossiers())
    drop.found[0] = msgspec.structs.replace(surveyed("a.tif", b"one"), modified=123456789)
    drop.add(".DS_Store", b"junk", action=Action.LEAVE_OUT)
    drop.add_irregular("empty", EntryKind.EMPTY_FOLDER, "holds nothing")

    assert fingerprint(drop.dossiers()) == before


def test_another_name_or_another_byte_changes_it(tmp_path: Path):
    drop = a_drop(tmp_path)
    before = fingerprint(drop.dossiers())
    first = drop.dossiers()[0]

    renamed = replace(first, found=surveyed("A.tif", b"one"))
    changed = replace(first, found=surveyed("a.tif", b"onE"))
    assert len({before, *(fingerprint([other, *drop.dossiers()[1:]]) for other in (renamed, changed))}) == 3
