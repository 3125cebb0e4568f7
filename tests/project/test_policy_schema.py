"""The JSON Schema of policies is that of the models, and travels with the policies."""

from __future__ import annotations

import json
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from support.policies import IRREGULAR, a_rule, policy_text

from preservation.policy.json_schema import json_schema, json_schema_text
from preservation.policy.shipped import shipped_policies


def validator() -> Draft202012Validator:
    Draft202012Validator.check_schema(json_schema())
    return Draft202012Validator(json_schema())


def test_the_schema_in_the_tree_is_current(project: Path):
    written = (project / "policies" / "policy.schema.json").read_text(encoding="utf-8")
    assert written == json_schema_text(), "run: make schema"


@pytest.mark.parametrize("name", [name for name in shipped_policies() if name.endswith(".toml")])
def test_shipped_policies_name_the_schema_and_fit_it(name: str):
    text = shipped_policies()[name].decode()
    assert text.startswith("#:schema ./policy.schema.json\n")
    validator().validate(tomllib.loads(text))


@pytest.mark.parametrize(
    "section",
    [
        "[intake]\njunc = []",
        "[intake]\nsettle = 0",
        "[intake]\nsentinels = ['a/b']",
        "[retention]\naccepted_days = -1",
        '[[screen]]\ncheck = "virus"\noutcome = "warn"\nbecause = "B."',
        '[[screen]]\ncheck = "not-empty"\noutcome = "warn"\nbecause = " "',
        IRREGULAR.replace("reject", "warn"),
        a_rule("a", 'puid = ["image/tiff"]'),
        a_rule("A", 'puid = ["fmt/1"]'),
        a_rule("a", 'puid = ["fmt/1"], unidentified = true'),
        '[[rule]]\nid = "a"\nbecause = "B."\nwhen = {}\naction = "retain"',
        a_rule("a", 'puid = ["fmt/1"]', ""),
        a_rule("a", 'puid = ["fmt/1"]', 'action = "retain"\nprove = ["same-pixels"]'),
        a_rule("a", 'puid = ["fmt/1"]', 'normalize = { migration = "image-to-tiff" }'),
        a_rule("a", 'puid = ["fmt/1"]', 'normalize = { migration = "image-to-tiff" }\nprove = []'),
        a_rule("a", 'puid = ["fmt/1"]', 'action = "retain"\naccess = { migration = "image-to-tiff" }'),
        '[packaging]\nalgorithm = "md5"',
        '[packaging]\nbag_info = { "a:b" = "c" }',
    ],
)
def test_an_editor_with_the_schema_sees_the_fault_too(section: str):
    sound: dict[str, Any] = tomllib.loads(policy_text())
    assert validator().is_valid(sound)
    assert not validator().is_valid(tomllib.loads(policy_text(section)))


def test_an_editor_can_say_what_every_key_is_for():
    definitions = [json_schema(), *json_schema()["$defs"].values()]
    silent = [
        key
        for definition in definitions
        for key, value in definition.get("properties", {}).items()
        if "description" not in value and "const" not in value
    ]
    assert silent == []


def test_a_wheel_carries_the_policies_and_finds_them(project: Path, tmp_path: Path):
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", tmp_path / "dist"],
        cwd=project,
        check=True,
        capture_output=True,
    )
    (wheel,) = (tmp_path / "dist").glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path / "installed")
    ask = (
        "import json, preservation.policy.shipped as shipped\n"
        "policies = {name: content.decode() for name, content in shipped.shipped_policies().items()}\n"
        "print(json.dumps([shipped.__file__, policies]))"
    )
    run = subprocess.run(
        [sys.executable, "-c", ask],
        cwd=tmp_path / "installed",
        check=True,
        capture_output=True,
        text=True,
    )
    module, policies = json.loads(run.stdout)
    assert Path(module).is_relative_to(tmp_path / "installed")
    assert policies == {name: content.decode() for name, content in shipped_policies().items()}
