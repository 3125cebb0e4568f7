from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image
from support.identifications import noise

from preservation.identification.deciding import (
    BY_EXTENSION_ALONE,
    DISAGREEMENT,
    SEVERAL_FORMATS,
    against_content,
    decide,
    in_doubt,
    rests_on_name,
)
from preservation.identification.fido import FIDO
from preservation.identification.identify import EMPTY_FILE, WITHOUT_NAME, Identifier
from preservation.identification.opinions import EngineCandidate, Opinion
from preservation.identification.siegfried import SIEGFRIED
from preservation.model.formats import EngineName, FormatMatch, Identification, MimeType, puid


def candidate(code: str, *, by_signature: bool = True, engine: EngineName = SIEGFRIED) -> EngineCandidate:
    basis = "byte match at 0, 4" if by_signature else "extension match tif"
    return EngineCandidate(
        FormatMatch(puid(code), f"Format {code}", "", basis, engine), by_signature, MimeType("")
    )


def siegfried_says(*candidates: EngineCandidate) -> Opinion:
    return Opinion(candidates)


def fido_says(*codes: str) -> Opinion:
    return Opinion(tuple(candidate(code, engine=FIDO) for code in codes))


def identified(path: Path, *, second_opinion: bool = True) -> Identification:
    (identification,) = Identifier(second_opinion=second_opinion).identify_batch([path])
    return identification


def test_one_claim_by_signature_stands_and_nobody_else_is_asked():
    first = siegfried_says(candidate("fmt/353"))

    assert not in_doubt(first)
    assert decide(first, None).puid == "fmt/353"


@pytest.mark.parametrize(
    "first",
    [
        siegfried_says(),
        siegfried_says(candidate("x-fmt/18", by_signature=False)),
        siegfried_says(candidate("fmt/1"), candidate("fmt/2")),
    ],
    ids=["silent", "by extension", "ambiguous"],
)
def test_silence_ambiguity_and_an_extension_alone_want_a_second_opinion(first: Opinion):
    assert in_doubt(first)


@pytest.mark.parametrize("second", [None, fido_says()])
def test_an_extension_alone_stands_with_a_warning_where_nothing_contradicts_it(second: Opinion | None):
    decided = decide(siegfried_says(candidate("x-fmt/18", by_signature=False)), second)

    assert decided.puid == "x-fmt/18"
    assert decided.warnings == (BY_EXTENSION_ALONE,)


def test_an_extension_that_a_signature_confirms_stands_without_a_warning():
    decided = decide(siegfried_says(candidate("fmt/9", by_signature=False)), fido_says("fmt/9"))

    assert decided.puid == "fmt/9"
    assert decided.warnings == ()
    assert [match.engine for match in decided.matches] == [SIEGFRIED, FIDO]


def test_an_extension_against_a_signature_is_a_disagreement_that_decides_nothing():
    decided = decide(siegfried_says(candidate("x-fmt/3", by_signature=False)), fido_says("fmt/291"))

    assert decided.puid is None
    assert [match.puid for match in decided.matches] == ["fmt/291", "x-fmt/3"]
    (warning,) = decided.warnings
    assert warning.startswith(DISAGREEMENT)
    assert "siegfried says x-fmt/3" in warning
    assert "fido says fmt/291" in warning


def test_of_several_formats_the_one_that_the_second_opinion_confirms_stands_first():
    decided = decide(siegfried_says(candidate("fmt/1"), candidate("fmt/2")), fido_says("fmt/2"))

    assert decided.puid == "fmt/2"
    assert decided.matches[0].puid == "fmt/2"
    assert {match.puid for match in decided.matches} == {"fmt/1", "fmt/2"}
    assert decided.warnings == ()


@pytest.mark.parametrize("second", [None, fido_says(), fido_says("fmt/1", "fmt/2")])
def test_of_several_formats_none_stands_that_is_not_alone_confirmed(second: Opinion | None):
    decided = decide(siegfried_says(candidate("fmt/1"), candidate("fmt/2")), second)

    assert decided.puid is None
    assert decided.warnings == (SEVERAL_FORMATS,)


def test_several_formats_of_which_the_second_opinion_knows_none_are_a_disagreement():
    decided = decide(siegfried_says(candidate("fmt/1"), candidate("fmt/2")), fido_says("fmt/3"))

    assert decided.puid is None
    assert decided.warnings[0].startswith(DISAGREEMENT)
    assert [match.puid for match in decided.matches] == ["fmt/1", "fmt/2", "fmt/3"]


def test_where_siegfried_is_silent_one_signature_of_fido_decides():
    decided = decide(siegfried_says(), fido_says("fmt/134", "fmt/134"))

    assert decided.puid == "fmt/134"
    assert [match.engine for match in decided.matches] == [FIDO]


def test_where_siegfried_is_silent_several_formats_of_fido_decide_nothing():
    decided = decide(siegfried_says(), fido_says("fmt/1", "fmt/2"))

    assert decided.puid is None
    assert decided.warnings == (SEVERAL_FORMATS,)


def test_an_image_is_identified_by_its_bytes_whatever_it_is_called(tmp_path: Path):
    Image.new("RGB", (8, 8)).save(tmp_path / "scan.tif")
    (tmp_path / "scan.tif").rename(tmp_path / "scan.pdf")

    identification = identified(tmp_path / "scan.pdf")

    assert identification.decided == "fmt/353"
    assert identification.name == "Tagged Image File Format"
    assert identification.mime == "image/tiff"
    assert identification.warnings == ("extension mismatch",)
    (match,) = identification.matches
    assert match.engine == SIEGFRIED
    assert "byte match" in match.basis


def test_text_that_looks_like_text_is_decided_without_a_warning(tmp_path: Path):
    (tmp_path / "readme.txt").write_text("plain words\n")

    identification = identified(tmp_path / "readme.txt")

    assert (identification.decided, identification.warnings) == ("x-fmt/111", ())


def test_a_table_rests_on_its_extension_and_says_so(tmp_path: Path):
    (tmp_path / "list.csv").write_text("a,b\n1,2\n")

    identification = identified(tmp_path / "list.csv")

    assert identification.decided == "x-fmt/18"
    assert identification.warnings == ("match on extension only", BY_EXTENSION_ALONE)


def test_bytes_of_no_known_format_are_unknown_and_no_match_is_listed(tmp_path: Path):
    (tmp_path / "mystery.qqq").write_bytes(noise(4096))

    identification = identified(tmp_path / "mystery.qqq")

    assert (identification.matches, identification.decided) == ((), None)
    assert identification.name == "unknown format"
    assert identification.mime == "application/octet-stream"
    assert identification.warnings == ("no match",)


def test_an_empty_file_is_nothing_whatever_it_is_called(tmp_path: Path):
    (tmp_path / "scan.tif").touch()

    identification = identified(tmp_path / "scan.tif")

    assert (identification.matches, identification.decided) == ((), None)
    assert identification.warnings == (EMPTY_FILE,)


def test_fido_decides_what_siegfried_knows_nothing_of(tmp_path: Path):
    # An OpenDocument presentation 1.2 that is no zip any more: siegfried looks for it inside of zips only.
    mark = b"PK\x03\x04" + bytes(26) + b"mimetypeapplication/vnd.oasis.opendocument.presentation"
    (tmp_path / "talk.odp").write_bytes(mark + bytes(50) + b'office:version="1.2"')

    identification = identified(tmp_path / "talk.odp")

    assert identification.decided == "fmt/293"
    assert [(match.engine, match.basis) for match in identification.matches] == [("fido", "signature match")]
    assert identified(tmp_path / "talk.odp", second_opinion=False).decided is None


def test_a_name_that_is_not_utf_8_costs_the_extension_and_nothing_else(tmp_path: Path):
    path = tmp_path / "scan\udcff.tif"
    Image.new("L", (8, 8)).save(tmp_path / "scan.tif")
    (tmp_path / "scan.tif").rename(path)

    identification = identified(path)

    assert identification.decided == "fmt/353"
    assert identification.warnings[0] == WITHOUT_NAME


@pytest.mark.parametrize("control", range(1, 32))
def test_a_control_character_in_a_name_stops_nobody(tmp_path: Path, control: int):
    path = tmp_path / f"scan{chr(control)}[31m.tif"
    Image.new("L", (8, 8)).save(tmp_path / "scan.tif")
    (tmp_path / "scan.tif").rename(path)

    assert identified(path).decided == "fmt/353"


@pytest.mark.parametrize(
    "name", ["line\nfeed.csv", "\u202etxet.csv", "x" * 240 + ".csv", "  .csv", "-rf.csv", "日本.csv"]
)
def test_names_of_every_kind_are_passed_on_as_they_are(tmp_path: Path, name: str):
    (tmp_path / name).write_text("a,b\n")

    assert identified(tmp_path / name).decided == "x-fmt/18"


def test_many_files_are_answered_in_the_order_in_which_they_were_asked(tmp_path: Path):
    paths = []
    for number in range(50):
        path = tmp_path / f"{number}.{'csv' if number % 2 else 'txt'}"
        path.write_text(f"{number}\n")
        paths.append(path)

    found = Identifier().identify_batch(paths)

    assert [identification.decided for identification in found] == ["x-fmt/111", "x-fmt/18"] * 25
    assert Identifier().identify_batch([]) == []


def test_a_file_that_has_gone_is_an_identification_with_a_warning(tmp_path: Path):
    identification = identified(tmp_path / "gone.tif")

    assert identification.decided is None
    assert any("no such file" in warning.lower() for warning in identification.warnings)


def test_the_releases_say_which_signatures_spoke():
    siegfried, fido, libmagic = Identifier().releases

    assert (siegfried.engine, fido.engine, libmagic.engine) == ("siegfried", "fido", "libmagic")
    assert "DROID_SignatureFile_V" in siegfried.signatures
    assert "formats-v" in fido.signatures
    assert libmagic.version.startswith("5.")
    assert [release.engine for release in Identifier(second_opinion=False).releases] == [
        "siegfried",
        "libmagic",
    ]


def test_what_an_engine_says_of_a_file_that_it_could_not_read_is_asked_about_again():
    unsure = Opinion((candidate("fmt/111"),), ("siegfried: bad sector",), unsure=True)

    assert in_doubt(unsure)
    assert decide(unsure, fido_says("fmt/40")).puid == "fmt/40"
    assert decide(unsure, fido_says("fmt/40", "fmt/39")).puid is None
    assert decide(unsure, fido_says()).puid == "fmt/111"


def test_a_text_that_is_called_as_something_else_is_said_to_look_like_text(tmp_path: Path):
    for name in ("letter.doc", "data.dat"):
        (tmp_path / name).write_text("Dear Sir,\n\nplain words and nothing else.\n")
        assert "its content looks like text/plain" in identified(tmp_path / name).warnings, name


def test_a_table_by_its_name_whose_content_is_a_picture_is_not_taken_for_a_table(tmp_path: Path):
    (tmp_path / "list.csv").write_bytes(b"GIF89a" + noise(3000))
    found = identified(tmp_path / "list.csv")
    assert found.decided != "x-fmt/18"


def test_a_picture_in_a_format_that_pronom_does_not_know_is_not_decided_by_its_name():
    table = candidate("x-fmt/18", by_signature=False)
    by_name = siegfried_says(EngineCandidate(table.match, by_signature=False, mime=MimeType("text/csv")))
    assert rests_on_name(by_name, fido_says())
    decided = against_content(decide(by_name, fido_says()), by_name, MimeType("image/x-unheard-of"))
    assert decided.puid is None
    assert decided.warnings[0].startswith(DISAGREEMENT)
    assert "its content looks like image/x-unheard-of" in decided.warnings[0]


def test_skeletons_that_siegfried_cannot_read_are_decided_by_fido(corpora: Path):
    suite = corpora / "siegfried/cmd/sf/testdata/skeleton-suite"
    assert identified(suite / "fmt/fmt-40-signature-id-182.doc").decided == "fmt/40"
    assert identified(suite / "x-fmt/x-fmt-430-signature-id-208.msg").decided == "x-fmt/430"
