from __future__ import annotations

import pytest
from support.packages import a_derivative, a_refusal, surveyed

from preservation.errors import IntegrityError
from preservation.model.decisions import Action, Decision, RuleId
from preservation.model.dossiers import Dossier, Dossiers
from preservation.model.files import EntryKind, IrregularEntry
from preservation.model.paths import RelativePath
from preservation.model.screening import ScreenedFile


def decided(path: str, action: Action = Action.RETAIN) -> Decision:
    return Decision(RelativePath(path), action, RuleId("r"), "because")


def test_records_of_one_file_are_laid_beside_each_other():
    found = [surveyed(name, b"x") for name in ("a.bmp", "b.tif", "c.gif")]
    made = a_derivative("a.bmp", b"y")
    told = list(
        Dossiers(
            found,
            [ScreenedFile(RelativePath("b.tif"))],
            [decided("a.bmp"), decided("c.gif")],
            [made, a_refusal("a.bmp"), a_refusal("c.gif")],
        )
    )

    assert told == [
        Dossier(found[0], None, decided("a.bmp"), (made, a_refusal("a.bmp"))),
        Dossier(found[1], ScreenedFile(RelativePath("b.tif"))),
        Dossier(found[2], None, decided("c.gif"), (a_refusal("c.gif"),)),
    ]


@pytest.mark.parametrize("paths", [["z.tif"], ["b.tif", "a.tif"], ["a.tif", "a.tif"]])
def test_a_record_that_belongs_to_no_file_is_named(paths: list[str]):
    found = [surveyed("a.tif", b"x"), surveyed("b.tif", b"x")]

    with pytest.raises(IntegrityError, match=rf"{paths[-1]}: there is a record about this file"):
        list(Dossiers(found, decisions=[decided(path) for path in paths]))


def test_what_is_kept_is_every_file_that_nobody_leaves_out():
    file = surveyed("a.tif", b"x")
    path = file.path

    assert Dossier(file).kept is file
    assert Dossier(file, decision=decided(path, Action.ASK)).kept is file
    assert Dossier(file, ScreenedFile(path, left_out=True)).kept is None
    assert Dossier(file, decision=decided(path, Action.LEAVE_OUT)).kept is None
    assert Dossier(IrregularEntry(path, EntryKind.DEVICE, "a pipe")).kept is None
