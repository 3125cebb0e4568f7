"""Small XML schemas of our own, XML that is valid by them, and policies that ask for it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from support.policies import policy_text
from support.surveys import drop

from preservation.policy.load import load
from preservation.policy.schema import Policy

NAMESPACE = "urn:example:record"
SCHEMA = f"""<?xml version="1.0" encoding="UTF-8"?>
<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema" xmlns:r="{NAMESPACE}" targetNamespace="{NAMESPACE}"
           elementFormDefault="qualified">
  <xs:include schemaLocation="parts/dates.xsd"/>
  <xs:element name="record">
    <xs:complexType>
      <xs:sequence>
        <xs:element name="title" type="xs:string"/>
        <xs:element name="date" type="r:day" minOccurs="0" maxOccurs="unbounded"/>
      </xs:sequence>
      <xs:anyAttribute namespace="##other" processContents="lax"/>
    </xs:complexType>
  </xs:element>
  <xs:element name="note" type="xs:string"/>
</xs:schema>
""".encode()
DATES = f"""<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema" targetNamespace="{NAMESPACE}">
  <xs:simpleType name="day"><xs:restriction base="xs:date"/></xs:simpleType>
</xs:schema>
""".encode()
SCHEMAS = {"schemas/record.xsd": SCHEMA, "schemas/parts/dates.xsd": DATES}


def a_record(*inside: str, title: str = "Letters", attributes: str = "", before: str = "") -> bytes:
    """A record, valid as long as what is put in it is; each of ``inside`` on a line of its own."""
    lines = (f'<record xmlns="{NAMESPACE}"{attributes}>', f"<title>{title}</title>", *inside, "</record>")
    return (before + "\n".join(lines) + "\n").encode()


def a_screen(*keys: str, paths: str = "*.xml", schema: str = "schemas/record.xsd") -> str:
    named = ('check = "supplied-xml"', f'paths = ["{paths}"]', f'schema = "{schema}"')
    return "\n".join(("[[screen]]", *named, 'outcome = "reject"', 'because = "It was agreed."', *keys, ""))


def a_policy_file(folder: Path, *sections: str, schemas: Mapping[str, bytes] = SCHEMAS) -> Path:
    """Write a policy with those sections into ``folder``, and its schemas beside it."""
    drop(folder, schemas)
    path = folder / "policy.toml"
    path.write_text(policy_text(*sections))
    return path


def a_policy_with(folder: Path, *sections: str, schemas: Mapping[str, bytes] = SCHEMAS) -> Policy:
    return load(a_policy_file(folder, *sections, schemas=schemas))
