"""The XML schemas that a policy names: found beside it, sound, and fixed with it."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from support.policies import policy_text
from support.surveys import drop
from support.xml_drops import DATES, SCHEMA, SCHEMAS, a_policy_file, a_policy_with, a_screen

from preservation.errors import ConfigurationError
from preservation.policy.explanation import of_drops
from preservation.policy.load import load, parse
from preservation.policy.schema_files import schemas_among, write_schemas

XS = 'xmlns:xs="http://www.w3.org/2001/XMLSchema"'
ENTRY = "schemas/record.xsd"


def refusal(folder: Path, *screens: str, **schemas: bytes) -> str:
    """Why a policy with another schema of the name ``record`` or ``parts`` is not sound."""
    by_path = {ENTRY: schemas.get("record", SCHEMA), "schemas/parts/dates.xsd": schemas.get("dates", DATES)}
    with pytest.raises(ConfigurationError) as caught:
        a_policy_with(folder, *(screens or (a_screen(),)), schemas=by_path)
    return str(caught.value)


def names(location: str, *, kind: str = "include") -> bytes:
    return f'<xs:schema {XS}>\n<xs:{kind} schemaLocation="{location}"/>\n</xs:schema>'.encode()


def test_a_policy_has_its_schema_with_all_that_it_names(tmp_path: Path):
    policy = a_policy_with(tmp_path, a_screen())
    assert {file.path: file.content for file in policy.schemas} == SCHEMAS


def test_a_policy_without_such_a_screen_has_none(tmp_path: Path):
    assert a_policy_with(tmp_path).schemas == ()


def test_a_schema_that_is_not_there_is_a_fault_with_the_line_of_its_screen(tmp_path: Path):
    path = a_policy_file(tmp_path, a_screen(schema="schemas/mods.xsd"))
    line = path.read_text().splitlines().index('schema = "schemas/mods.xsd"') + 1
    with pytest.raises(ConfigurationError) as caught:
        load(path)
    sentence = 'screen "supplied-xml": schema: schemas/mods.xsd: there is no such file'
    assert caught.value.faults == (f"{path}:{line}: {sentence}",)


@pytest.mark.parametrize(
    ("record", "words"),
    [
        (b"<xs:schema", "schemas/record.xsd is no sound XML: "),
        (b"<html/>", "schemas/record.xsd is no XML schema: its root is 'html'"),
        (names("lost.xsd"), "schemas/lost.xsd, which schemas/record.xsd line 2 names: there is no such file"),
        (names("../../away.xsd"), "line 2 names '../../away.xsd', which is no .xsd file below the policy's"),
        (names("/etc/away.xsd"), "line 2 names '/etc/away.xsd', which is no .xsd file"),
        (names("%2e%2e/%2e%2e/away.xsd"), "which is no .xsd file"),
        (names("parts/dates.dtd", kind="import"), "line 2 names 'parts/dates.dtd', which is no .xsd file"),
        (names("http://www.example.org/away"), "which is no .xsd file"),
        (names("http://www.example.org/x/away.xsd", kind="import"), "schemas/away.xsd, which schemas/record"),
        (names("file:///etc/away.xsd", kind="redefine"), "schemas/away.xsd, which schemas/record.xsd line 2"),
        (SCHEMA.replace(b"r:day", b"r:week"), "schemas/record.xsd is no schema of XSD 1.0: "),
        (
            f'<xs:schema {XS}><xs:element name="a"><xs:complexType><xs:assert test="1"/></xs:complexType>'
            "</xs:element></xs:schema>".encode(),
            "is no schema of XSD 1.0",
        ),
        (b'<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]><x>&a;</x>', "no sound XML: Entity 'a' not"),
    ],
)
def test_what_is_wrong_with_a_schema_is_a_fault_of_the_policy(tmp_path: Path, record: bytes, words: str):
    assert words in refusal(tmp_path, record=record)


def test_a_schema_that_is_too_large_is_a_fault_of_the_policy(tmp_path: Path):
    assert "is larger than 4.2 MB, with all that it names" in refusal(
        tmp_path, record=SCHEMA + b" " * (4 << 20)
    )


def test_a_fault_of_what_a_schema_names_is_one_of_the_policy(tmp_path: Path):
    assert "schemas/parts/dates.xsd is no sound XML" in refusal(tmp_path, dates=b"")


@pytest.mark.parametrize(
    "path", ["../a.xsd", "/a.xsd", "a/../b.xsd", "./a.xsd", "a//b.xsd", "a.xml", r"a\\b.xsd"]
)
def test_a_schema_is_named_by_its_plain_path_below_the_policys_folder(tmp_path: Path, path: str):
    assert "is no schema below the policy's folder" in refusal(tmp_path, a_screen(schema=path))


@pytest.mark.parametrize("root", ["", "m:mods", "a b", "{x}mods"])
def test_a_root_element_is_named_without_prefix(tmp_path: Path, root: str):
    assert "is no local name of an element" in refusal(tmp_path, a_screen(f'root = "{root}"'))


def test_a_pipe_in_the_place_of_a_schema_is_not_waited_for(tmp_path: Path):
    path = a_policy_file(tmp_path, a_screen(schema="pipe.xsd"))
    os.mkfifo(tmp_path / "pipe.xsd")
    with pytest.raises(ConfigurationError, match=r"pipe\.xsd: there is no such file"):
        load(path)


def test_a_place_in_the_web_is_the_file_of_its_name_beside_the_schema(tmp_path: Path):
    record = SCHEMA.replace(b"parts/dates.xsd", b"https://www.example.org/2026/dates.xsd")
    policy = a_policy_with(tmp_path, a_screen(), schemas={ENTRY: record, "schemas/dates.xsd": DATES})
    assert [file.path for file in policy.schemas] == ["schemas/dates.xsd", ENTRY]


def test_schemas_may_name_each_other_have_a_document_type_and_odd_names(tmp_path: Path):
    circle = DATES.replace(b"<xs:simpleType", b'<xs:include schemaLocation="../record.xsd"/>\n<xs:simpleType')
    doctype = b'<!DOCTYPE xs:schema SYSTEM "XMLSchema.dtd" [<!ENTITY d "a&#37;20b&#37;C3&#37;BC">]>\n'
    record = SCHEMA.replace(b"<xs:schema", doctype + b"<xs:schema").replace(b"parts/dates", b"parts/&d;")
    schemas = {ENTRY: record, "schemas/parts/a bü.xsd": circle}
    assert len(a_policy_with(tmp_path, a_screen(), schemas=schemas).schemas) == 2


def test_with_another_schema_it_is_another_policy(tmp_path: Path):
    one = a_policy_with(tmp_path, a_screen()).reference
    other = a_policy_with(tmp_path, a_screen(), schemas={**SCHEMAS, ENTRY: SCHEMA + b"\n"}).reference
    assert one.digest != other.digest


def test_the_digest_of_a_policy_with_schemas_can_be_had_by_the_documented_command(
    tmp_path: Path, project: Path
):
    page = (project / "docs" / "policies.md").read_text(encoding="utf-8")
    command = page.partition("in a package, `")[2].partition("`")[0]
    policy = a_policy_with(tmp_path / "installation", a_screen(), a_screen(schema="b c.xsd"),
                           schemas={**SCHEMAS, "b c.xsd": DATES})  # fmt: skip
    metadata = drop(tmp_path / "package" / "metadata", {"policy.toml": policy.source})
    write_schemas(policy.schemas, metadata / "policy-schemas")
    told = subprocess.run(
        ["sh", "-c", command], cwd=tmp_path / "package", check=True, capture_output=True, text=True
    )
    assert told.stdout.split()[0] == policy.reference.digest


def test_a_policy_is_the_same_from_the_files_that_were_fixed_with_it(tmp_path: Path):
    policy = a_policy_with(tmp_path, a_screen())
    again = parse(policy.source, "frozen", schemas_among(policy.schemas))
    assert again.reference == policy.reference


def test_without_its_schemas_a_policy_is_not_read():
    with pytest.raises(ConfigurationError, match="there is no such file"):
        parse(policy_text(a_screen()).encode(), "alone")


def test_what_is_asked_of_xml_is_explained_in_words(tmp_path: Path):
    policy = a_policy_with(tmp_path, a_screen("required = true", 'root = "record"'))
    *_, valid, required = of_drops(policy)
    assert valid == (
        "A file like *.xml has to be XML that is valid by schemas/record.xsd, with the root element record; "
        "else the drop would be rejected."
    )
    assert required == "A drop without such a file would be rejected."
