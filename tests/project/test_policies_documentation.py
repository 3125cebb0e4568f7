"""``docs/policies.md`` names every key of a policy, and no other, and its examples are sound."""

from __future__ import annotations

import re
from itertools import pairwise
from pathlib import Path
from typing import Any

import msgspec
import pytest
from support.commands import invoked
from support.policies import policy_text
from support.surveys import drop
from support.xml_drops import DATES

from preservation.normalization.jobs import MIGRATIONS
from preservation.normalization.proofs import PROOFS
from preservation.policy.json_schema import json_schema
from preservation.policy.load import parse
from preservation.policy.migrations import EXTENSIONS
from preservation.policy.proofs import ProvableProof
from preservation.policy.screens import SCREENS, IrregularEntries
from preservation.screening.checks import SURFACE_CHECKS
from preservation.screening.drop_checks import DROP_CHECKS
from preservation.screening.examiners import EXAMINERS
from preservation.screening.picture_checks import PICTURE_CHECKS

Row = list[str]

DECODABLE = '[[screen]]\ncheck = "decodable-images"\noutcome = "reject"\nbecause = "B."\n'


def tables(text: str) -> list[tuple[Row, list[Row]]]:
    """Every table of a page: the cells of its head, and those of its rows."""
    found: list[tuple[Row, list[Row]]] = []
    in_table = False
    for line, following in pairwise([*text.splitlines(), ""]):
        cells = [cell.strip() for cell in line.strip("|").split("|")] if line.startswith("|") else []
        if not cells:
            in_table = False
        elif following.startswith("|---"):
            found.append((cells, []))
            in_table = True
        elif in_table and not line.startswith("|---"):
            found[-1][1].append(cells)
    return found


def names(cell: str) -> list[str]:
    return re.findall(r"`([A-Za-z0-9_-]+)`", cell)


@pytest.fixture(scope="module")
def page(project: Path) -> str:
    return (project / "docs" / "policies.md").read_text(encoding="utf-8")


def section(page: str, heading: str) -> str:
    """The text below the heading that begins so, up to the next one."""
    (found,) = (part for part in re.split(r"^#+ ", page, flags=re.MULTILINE) if part.startswith(heading))
    return found


def first_column(page: str, heading: str, head: str) -> list[str]:
    (rows,) = (rows for cells, rows in tables(section(page, heading)) if cells[0] == head)
    return [name for row in rows for name in names(row[0])]


def model(name: str) -> dict[str, Any]:
    return json_schema()["$defs"][name]["properties"]


@pytest.mark.parametrize(
    ("heading", "definition"),
    [
        ("`[intake]`", "Intake"),
        ("`[order]`", "Ordering"),
        ("`[identification]`", "FormatIdentification"),
        ("`[[rule]]`", "Rule"),
        ("`when`", "When"),
        ("`[otherwise]`", "Otherwise"),
        ("`[packaging]`", "Packaging"),
        ("`[replication]`", "Replication"),
        ("`[fixity]`", "Fixity"),
        ("`[retention]`", "Retention"),
    ],
)
def test_every_key_is_documented_and_none_that_is_not_there(page: str, heading: str, definition: str):
    assert sorted(first_column(page, heading, "key")) == sorted(model(definition))


def test_every_column_of_a_list_of_orders_is_documented(page: str):
    assert sorted(first_column(page, "`[order]`", "`columns`")) == sorted(model("OrderColumns"))


def test_every_section_and_top_level_key_is_documented(page: str):
    headings = set(re.findall(r"^## `\[+([a-z]+)\]+`", page, re.MULTILINE))
    assert {*headings, *first_column(page, "At the top", "key")} == set(json_schema()["properties"])


def test_every_check_is_documented_with_the_keys_that_are_its_own(page: str):
    shared = set(first_column(page, "`[[screen]]`", "key"))
    (rows,) = (rows for cells, rows in tables(section(page, "`[[screen]]`")) if cells[0] == "check")
    documented = {names(row[0])[0]: shared.union(re.findall(r"`([a-z_]+)`:", row[2])) for row in rows}
    for check, keys in documented.items():
        # Of checks with many keys, these have a table of their own.
        if f"### `{check}`" in page:
            keys.update(first_column(page, f"`{check}`", "key"))
    members = json_schema()["properties"]["screen"]["items"]["discriminator"]["mapping"]
    assert documented == {
        check: set(model(reference.rpartition("/")[2])) for check, reference in members.items()
    }


def test_every_migration_is_documented_with_its_options_and_its_place(page: str):
    (rows,) = (rows for _, rows in tables(section(page, "Migrations")))
    documented = {
        names(row[0])[0]: (names(row[1]), {"migration", *re.findall(r"`([a-z_]+)`:", row[2])}) for row in rows
    }
    assert documented == {
        migration: ([place], set(model(reference.rpartition("/")[2])))
        for place in ("normalize", "access")
        for migration, reference in model("Rule")[place]["discriminator"]["mapping"].items()
    }


def test_every_proof_is_documented(page: str):
    assert first_column(page, "Proofs", "proof") == json_schema()["$defs"]["ProvableProof"]["enum"]


def test_every_screen_of_the_schema_is_made_by_a_check_and_none_besides():
    # What of a specification takes no look into files is a surface check, and the rest a check of pictures.
    surface = [kind for kind in SURFACE_CHECKS if kind not in PICTURE_CHECKS]
    checks = [IrregularEntries, *surface, *DROP_CHECKS, *EXAMINERS, *PICTURE_CHECKS]
    assert len(checks) == len(set(checks))
    assert set(checks) == set(SCREENS.values())
    assert set(SCREENS) == set(json_schema()["properties"]["screen"]["items"]["discriminator"]["mapping"])


def test_every_migration_of_the_schema_has_a_way_to_make_it_and_none_besides():
    offered = {
        migration
        for place in ("normalize", "access")
        for migration in model("Rule")[place]["discriminator"]["mapping"]
    }
    assert offered == set(MIGRATIONS) == set(EXTENSIONS)


def test_every_proof_of_the_schema_has_a_way_to_make_it_and_none_besides():
    assert set(json_schema()["$defs"]["ProvableProof"]["enum"]) == set(PROOFS) == set(ProvableProof)


def test_every_value_that_can_be_chosen_is_documented(page: str):
    for definition in json_schema()["$defs"].values():
        for value in definition.get("enum", ()):
            assert f'"{value}"' in page or f"`{value}`" in page, value


def test_every_example_is_a_sound_policy(page: str):
    examples = re.findall(r"^```toml\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    whole = [example for example in examples if "[replication]" in example]
    assert len(whole) == 2
    for example in examples:
        others = "" if "decodable-images" in example else DECODABLE
        text = example if example in whole else policy_text(others + example)
        # The schemas that an example names are of standards, and not here.
        parse(text.encode(), "docs/policies.md", lambda _: DATES)


def test_the_json_of_check_and_explain_has_the_documented_fields(page: str, project: Path, tmp_path: Path):
    documented = [
        {name for row in rows for name in names(row[0])}
        for head, rows in tables(section(page, "JSON output"))
        if head[0] == "field"
    ]
    policy = str(project / "policies" / "digitized-images.toml")
    drop(tmp_path, {"a.txt": b"words\n"})
    checked = invoked("policy", "check", "--json", policy)
    explained = invoked("policy", "explain", "--json", policy, str(tmp_path))
    lines = [result.stdout.splitlines()[0] for result in (checked, explained)]
    told = [set(msgspec.json.decode(line)) - {"version"} for line in lines]
    assert documented == told


def test_the_shipped_policies_are_all_introduced(page: str, project: Path):
    introduced = set(re.findall(r"\(\.\./policies/([a-z-]+\.toml)\)", page))
    assert introduced == {path.name for path in (project / "policies").glob("*.toml")}
