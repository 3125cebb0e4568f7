"""XML that comes with a drop, held against a schema: what is found, and what hostile XML comes to."""

from __future__ import annotations

import io
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.policies import a_file
from support.screenings import screened
from support.surveys import drop
from support.xml_drops import NAMESPACE, SCHEMAS, a_policy_with, a_record, a_screen

from preservation.model.identifiers import ObjectName
from preservation.model.issues import Issue, Severity
from preservation.model.paths import RelativePath
from preservation.model.screening import ScreenedFile
from preservation.policy.schema import Policy
from preservation.screening.drop_checks import drop_checks_for
from preservation.screening.examiners import JOB_MODULES, jobs_of
from preservation.screening.reports import XmlReport
from preservation.screening.supplied_xml import XML_JOBS
from preservation.screening.xml_validation import LARGEST_XML, validate
from preservation.tools.limits import Limits
from preservation.tools.workers import CagedWorkers

MODULES = (*JOB_MODULES, XML_JOBS)
XSI = ' xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"'
ELSEWHERE = "the-content-of-another-file"
LAUGHS = (
    "<!DOCTYPE record [<!ENTITY a 'lol'>"
    + "".join(
        f"<!ENTITY {new} '{f'&{old};' * 10}'>" for old, new in zip("abcdefghi", "bcdefghij", strict=True)
    )
    + "]>"
)


@pytest.fixture(scope="module")
def workers() -> Iterator[CagedWorkers]:
    with CagedWorkers(Limits(address_space=1 << 30, cpu_seconds=20), 1, MODULES) as pool:
        yield pool


@pytest.fixture
def policy(tmp_path: Path) -> Policy:
    return a_policy_with(tmp_path / "policy", a_screen('root = "record"'))


def looked_at(tmp_path: Path, workers: CagedWorkers, policy: Policy, content: bytes) -> ScreenedFile:
    root = drop(tmp_path / "drop", {"a.xml": content})
    return screened(root, workers, policy=policy)[RelativePath("a.xml")]


def found(tmp_path: Path, workers: CagedWorkers, policy: Policy, content: bytes) -> dict[str, str]:
    return {issue.code: issue.message for issue in looked_at(tmp_path, workers, policy, content).issues}


def reported(content: bytes, *, root: str = "") -> XmlReport:
    """What the job reports, here and not in the cage: nothing but the parser's own care holds it."""
    arguments: dict[str, Any] = {
        "schema": "schemas/record.xsd",
        "schemas": {path: schema.decode("latin-1") for path, schema in SCHEMAS.items()},
        "root": root,
    }
    return msgspec.convert(validate(arguments, [io.BytesIO(content)], ()), XmlReport)


def test_a_valid_file_has_no_finding_and_is_said_to_be_valid_by_its_schema(
    tmp_path: Path, workers: CagedWorkers, policy: Policy
):
    file = looked_at(tmp_path, workers, policy, a_record("<date>1901-05-31</date>"))
    assert file.issues == ()
    assert file.valid_by == ("schemas/record.xsd",)
    assert file.unexamined == ""
    assert not file.is_damaged


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-be", "iso-8859-1", "windows-1252"])
def test_the_encoding_that_a_file_declares_is_read(
    tmp_path: Path, workers: CagedWorkers, policy: Policy, encoding: str
):
    declared = encoding.removesuffix("-sig").removesuffix("-be")
    text = a_record(title="Mühle", before=f'<?xml version="1.0" encoding="{declared}"?>\n').decode()
    mark = "\ufeff" if encoding == "utf-16-be" else ""
    assert found(tmp_path, workers, policy, (mark + text).encode(encoding)) == {}


@pytest.mark.parametrize(
    ("content", "code", "words"),
    [
        (b"", "DSC-031", "a.xml is no well-formed XML: line 1: Document is empty"),
        (b"\x00\x01", "DSC-031", "is no well-formed XML"),
        (a_record()[:-5], "DSC-031", "is no well-formed XML: line "),
        (a_record("<date>1901-05-31</title>"), "DSC-031", "line 3: Opening and ending tag mismatch"),
        (a_record() + b"<more/>", "DSC-031", "line 4: Extra content at the end"),
        (a_record(title="\x0c"), "DSC-031", "line 2: "),
        (b"<?xml version='1.0' encoding='klingon'?><record/>", "DSC-031", "encoding: klingon"),
        (a_record(title="M\xfchle").decode().encode("latin-1"), "DSC-031", "line 2: "),
        (a_record(before='<?xml version="1.0" encoding="UTF-16"?>\n'), "DSC-031", "line 1"),
        (f'<note xmlns="{NAMESPACE}">x</note>'.encode(), "DSC-033",
         f"has the root element '{{{NAMESPACE}}}note', and the policy asks for 'record'."),
        (b"<record/>", "DSC-034", "line 1: Element 'record': No matching global declaration"),
        (a_record("<date>May 1901</date>"), "DSC-034",
         f"a.xml is not valid by schemas/record.xsd: line 3: Element '{{{NAMESPACE}}}date': 'May 1901' is"),
        (a_record("", "<place>Bonn</place>"), "DSC-034", "line 4: Element"),
        (a_record(*["<date>x</date>"] * 60), "DSC-034", "; and 55 other faults."),
    ],
)  # fmt: skip
def test_each_fault_is_named_with_file_and_line(
    tmp_path: Path, workers: CagedWorkers, policy: Policy, content: bytes, code: str, words: str
):
    messages = found(tmp_path, workers, policy, content)
    assert set(messages) == {code}
    assert words in messages[code]


def test_a_finding_has_the_severity_and_the_reason_of_its_screen_and_says_what_to_do(
    tmp_path: Path, workers: CagedWorkers, policy: Policy
):
    (issue,) = looked_at(tmp_path, workers, policy, a_record("<place/>")).issues
    assert (issue.severity, issue.because) == (Severity.ERROR, "It was agreed.")
    assert issue.next_step.startswith("Correct it")


def test_what_is_not_well_formed_is_damaged_and_what_is_not_valid_is_whole(
    tmp_path: Path, workers: CagedWorkers, policy: Policy
):
    assert looked_at(tmp_path / "1", workers, policy, b"<record>").is_damaged
    assert not looked_at(tmp_path / "2", workers, policy, a_record("<place/>")).is_damaged


def test_a_file_is_held_against_the_schema_of_each_screen_that_names_it(
    tmp_path: Path, workers: CagedWorkers
):
    other = {"other.xsd": SCHEMAS["schemas/parts/dates.xsd"]}
    screens = (a_screen(), a_screen(schema="other.xsd"), a_screen(paths="b.xml", schema="other.xsd"))
    both = a_policy_with(tmp_path / "policy", *screens, schemas={**SCHEMAS, **other})
    file = looked_at(tmp_path, workers, both, a_record())
    assert file.valid_by == ("schemas/record.xsd",)
    assert [issue.message[:30] for issue in file.issues] == ["a.xml is not valid by other.xs"]


def test_an_image_that_a_screen_names_is_decoded_as_well(tmp_path: Path, workers: CagedWorkers):
    decoded = '[[screen]]\ncheck = "decodable-images"\noutcome = "reject"\nbecause = "B."\n'
    policy = a_policy_with(tmp_path / "policy", decoded, a_screen(paths="a.*"))
    root = drop(tmp_path / "drop", {"a.png": b"\x89PNG\r\n\x1a\n" + bytes(60), "a.xml": a_record()})
    files = screened(root, workers, policy=policy)
    assert [issue.code for issue in files[RelativePath("a.png")].issues] == ["SCR-020", "DSC-031"]
    assert files[RelativePath("a.xml")].issues == ()


def test_only_for_a_policy_that_asks_of_xml_do_workers_load_what_reads_it(tmp_path: Path, policy: Policy):
    assert jobs_of(policy) == MODULES
    assert jobs_of(a_policy_with(tmp_path)) == JOB_MODULES


def missing_in(policy: Policy, *paths: str) -> list[Issue]:
    (check,) = drop_checks_for(policy, ObjectName("ms-1"), Path("/nowhere"))
    files = [a_file(path) for path in paths]
    assert [issue for file in files for issue in check.look(file)] == []
    return list(check.close(iter(files)))


def test_a_drop_without_such_a_file_has_a_finding_where_one_is_required(tmp_path: Path):
    policy = a_policy_with(tmp_path, a_screen("required = true"))
    (issue,) = missing_in(policy, "a.tif")
    assert (issue.code, issue.severity, issue.path) == ("DSC-030", Severity.ERROR, None)
    assert "schemas/record.xsd (*.xml)" in issue.message
    assert missing_in(policy, "a.tif", "sub/a.xml") == []


def test_a_drop_without_such_a_file_has_no_finding_where_none_is_required(tmp_path: Path):
    assert missing_in(a_policy_with(tmp_path, a_screen()), "a.tif") == []


class Listener:
    """A server that remembers whether anybody connected."""

    def __init__(self) -> None:
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.address = f"http://127.0.0.1:{self._socket.getsockname()[1]}"
        self.was_asked = False
        threading.Thread(target=self._wait, daemon=True).start()

    def _wait(self) -> None:
        self._socket.accept()[0].close()
        self.was_asked = True


@pytest.fixture
def listener() -> Listener:
    return Listener()


def doctype(inside: str) -> str:
    return f"<!DOCTYPE record [{inside}]>\n"


@pytest.mark.parametrize(
    ("before", "inside", "code"),
    [
        (LAUGHS, "&j;", "DSC-035"),
        (LAUGHS, "", "DSC-032"),
        (doctype("<!ENTITY a '1901-05-31'>"), "<date>&a;</date>", "DSC-032"),
        (doctype("<!ENTITY a '&b;'><!ENTITY b '&a;'>"), "&a;", "DSC-031 DSC-035"),
        (doctype("<!ENTITY a SYSTEM '{file}'>"), "<date>&a;</date>", "DSC-032"),
        (doctype("<!ENTITY a SYSTEM '{address}/a'>"), "<date>&a;</date>", "DSC-032"),
        (doctype("<!ENTITY a PUBLIC 'x' '{address}/a'>"), "", "DSC-032"),
        (doctype("<!ENTITY % a SYSTEM '{file}'> %a;"), "", "DSC-032"),
        (doctype("<!ENTITY % a SYSTEM '{address}/a'> %a;"), "&b;", "DSC-032"),
        ("<!DOCTYPE record SYSTEM '{address}/a.dtd'>", "", ""),
        ("<!DOCTYPE record SYSTEM '{file}'>", "", ""),
        ("<!DOCTYPE record SYSTEM '{file}'>", "&nbsp;", "DSC-032"),
        ("<!DOCTYPE record SYSTEM '{file}'>", "<date a='&nbsp;'>1901-05-31</date>", "DSC-032"),
        ("<?xml-stylesheet href='{address}/a.xsl' type='text/xsl'?>", "", ""),
        ("", "<i:include xmlns:i='http://www.w3.org/2001/XInclude' href='{file}' parse='text'/>", "DSC-034"),
        ("", "<i:include xmlns:i='http://www.w3.org/2001/XInclude' href='{address}/a.xml'/>", "DSC-034"),
    ],
)  # fmt: skip
def test_nothing_that_xml_asks_for_is_loaded(
    tmp_path: Path, listener: Listener, before: str, inside: str, code: str
):
    # Outside of the cage, where all of it could be had.
    secret = tmp_path / "secret.txt"
    secret.write_text(ELSEWHERE)
    places = {"{file}": secret.as_uri(), "{address}": listener.address}
    for name, place in places.items():
        before, inside = before.replace(name, place), inside.replace(name, place)
    report = reported(a_record(inside, before=before))
    kinds = {
        "DSC-031": report.fault,
        "DSC-032": report.entities,
        "DSC-034": report.invalid,
        "DSC-035": report.too_much,
    }
    met = [kind for kind, value in kinds.items() if value]
    assert met == [] if not code else met[0] in code
    assert ELSEWHERE not in str(report)
    assert not listener.was_asked


def test_a_schema_that_the_file_hints_at_is_not_looked_at(tmp_path: Path, listener: Listener):
    lax = tmp_path / "lax.xsd"
    lax.write_bytes(
        f'<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema" targetNamespace="{NAMESPACE}">'
        '<xs:element name="record" type="xs:anyType"/></xs:schema>'.encode()
    )
    for place in (lax.as_uri(), f"{listener.address}/lax.xsd"):
        hint = f'{XSI} xsi:schemaLocation="{NAMESPACE} {place} urn:other {place}"'
        assert reported(a_record("<place/>", attributes=hint)).invalid
        assert not reported(a_record(attributes=hint)).invalid
    no_namespace = f'<x{XSI} xsi:noNamespaceSchemaLocation="{lax.as_uri()}"/>'
    assert reported(no_namespace.encode()).invalid
    assert not listener.was_asked


def test_xml_that_is_nested_without_end_goes_beyond_what_is_read(
    tmp_path: Path, workers: CagedWorkers, policy: Policy
):
    deep = b"<record>" * 100_000
    assert set(found(tmp_path, workers, policy, deep)) == {"DSC-035"}


def test_a_million_elements_are_read_in_the_cage(tmp_path: Path, workers: CagedWorkers, policy: Policy):
    valid = a_record("<date>1901-05-31</date>" * 1_000_000)
    assert found(tmp_path / "valid", workers, policy, valid) == {}


def test_a_million_faults_are_one_finding_that_does_not_count_them_all(
    tmp_path: Path, workers: CagedWorkers, policy: Policy
):
    messages = found(tmp_path, workers, policy, a_record(*["<date>x</date>"] * 1_000_000))
    assert set(messages) == {"DSC-034"}
    assert ": line 3: Element" in messages["DSC-034"]
    assert "; line 4: Element" in messages["DSC-034"]
    assert messages["DSC-034"].endswith("; and 995 other faults or more.")


def test_few_faults_of_a_long_file_are_all_counted_with_their_lines(
    tmp_path: Path, workers: CagedWorkers, policy: Policy
):
    lines = ["<date>1901-05-31</date>"] * 80_000 + ["<date>x</date>"] * 7
    message = found(tmp_path, workers, policy, a_record(*lines))["DSC-034"]
    assert ": line 80,003: Element" in message
    assert message.endswith("; and 2 other faults.")


def test_a_file_that_is_too_large_is_not_read_to_its_end():
    content = io.BytesIO()
    content.write(a_record()[:-20])
    content.write(b" " * LARGEST_XML)
    assert reported(content.getvalue()).too_much == "it is larger than 64 MiB"


def test_elements_that_fill_the_memory_end_in_a_finding(tmp_path: Path, policy: Policy):
    small = Limits(address_space=400 << 20, cpu_seconds=20)
    with CagedWorkers(small, 1, MODULES) as pool:
        codes = set(found(tmp_path, pool, policy, a_record("<a/>" * 4_000_000)))
    assert codes in ({"SCR-070"}, {"SCR-071"})


@given(st.binary(max_size=400))
@settings(max_examples=300, deadline=None)
def test_any_bytes_come_to_a_report(content: bytes):
    report = reported(content)
    assert report.fault or report.too_much or report.entities or report.invalid


@given(
    st.text(st.sampled_from("<>&;!?/'\"=[]%-a:x \nENTITYDOCTYPESYSTEM"), max_size=200),
    st.sampled_from(["utf-8", "utf-16", "latin-1"]),
)
@settings(max_examples=300, deadline=None)
def test_any_markup_inside_a_record_comes_to_a_report(text: str, encoding: str):
    declared = f"<?xml version='1.0' encoding='{encoding}'?>"
    report = reported(a_record(text, before=declared).decode().encode(encoding))
    assert isinstance(report, XmlReport)


@given(st.binary(max_size=200_000))
@settings(max_examples=30, deadline=None)
def test_any_bytes_in_a_long_record_come_to_a_report(content: bytes):
    assert isinstance(reported(a_record("<date>x</date>" * 6_000).replace(b"Letters", content)), XmlReport)
