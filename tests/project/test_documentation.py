"""Holds the documentation against the code."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from click import Command
from pydantic import BaseModel
from typer.main import get_command

from flows.cli.application import application
from flows.installation.jobs import Job
from flows.installation.settings import Settings
from flows.submission.stages import already_kept
from preservation.model.verdicts import Verdict

CODE = re.compile(r"(?:IssueCode|_code)\(\s*\"([A-Z]{3}-\d{3})\"")
DOCUMENTED_CODE = re.compile(r"^\| `([A-Z]{3}-\d{3})` \|", re.MULTILINE)


def test_every_issue_code_is_documented_and_none_is_documented_that_is_not(project: Path):
    in_code = {
        code
        for package in ("preservation", "storage", "flows")
        for path in (project / package).rglob("*.py")
        for code in CODE.findall(path.read_text())
    }
    assert set(DOCUMENTED_CODE.findall((project / "docs/issues.md").read_text())) == in_code


def _kinds(annotation: object) -> Iterator[type]:
    """Yield every type in an annotation: those in a tuple, in a union, behind ``Annotated``."""
    for inner in getattr(annotation, "__args__", ()):
        yield from _kinds(inner)
    if isinstance(annotation, type):
        yield annotation


def test_every_setting_is_documented(project: Path):
    text = (project / "docs/settings.md").read_text()
    for name, field in Settings.model_fields.items():
        sections = [kind for kind in _kinds(field.annotation) if issubclass(kind, BaseModel)]
        for section in sections:
            missing = [
                key for key in section.model_fields if f"`{key}`" not in text and f" {key}`" not in text
            ]
            assert not missing, f"[{name}]: {missing}"


def test_every_verdict_stands_in_the_readme_with_its_exit_code(project: Path):
    rows = re.findall(r"^\| ([a-z-]+) \| .* \| (\d) \|$", (project / "README.md").read_text(), re.MULTILINE)
    assert dict(rows) == {verdict.value: str(verdict.exit_code) for verdict in Verdict}


def _verbs(command: Command, words: tuple[str, ...] = ()) -> Iterator[str]:
    """Yield every verb of the command, one of a group with the group's name before it."""
    subcommands = getattr(command, "commands", {})
    for name, subcommand in subcommands.items():
        yield from _verbs(subcommand, (*words, name))
    if not subcommands:
        yield " ".join(words)


def test_no_page_names_a_verb_that_does_not_exist(project: Path):
    verbs = set(_verbs(get_command(application())))
    groups = {verb.split()[0] for verb in verbs if " " in verb}
    for page in [*project.glob("*.md"), *(project / "docs").rglob("*.md")]:
        # The first words of what a signed head signs are no verb.
        text = page.read_text().replace("`muniment journal head`", "")
        for verb, below in re.findall(r"`muniment ([a-z]+)(?: ([a-z]+))?", text):
            named = f"{verb} {below}" if verb in groups and below else verb
            assert named in verbs | groups, f"{page.relative_to(project)}: muniment {named}"


def _fields_of_json(module: Path) -> Iterator[str]:
    """Yield the keys of the dictionaries in the functions of a verb that write JSON."""
    for function in ast.walk(ast.parse(module.read_text())):
        if isinstance(function, ast.FunctionDef) and any(
            isinstance(node, ast.Name) and node.id == "say_json" for node in ast.walk(function)
        ):
            for node in ast.walk(function):
                keys = node.keys if isinstance(node, ast.Dict) else []
                yield from (key.value for key in keys if isinstance(key, ast.Constant))


def test_every_field_of_json_is_documented(project: Path):
    pages = "".join((project / "docs" / f"{page}.md").read_text() for page in ("json", "journal", "policies"))
    pages = re.sub(r"```.*?```", "", pages, flags=re.DOTALL)
    documented = {word for span in re.findall(r"`([^`]+)`", pages) for word in re.findall(r"\w+", span)}
    fields = {module: set(_fields_of_json(module)) for module in (project / "flows/cli").glob("*.py")}
    assert {module.name: found - documented for module, found in fields.items() if found - documented} == {}
    assert sum(map(len, fields.values())) > 30


def test_the_jobs_that_run_by_themselves_are_the_first_ones_of_the_page(project: Path):
    page = (project / "docs/jobs.md").read_text()
    rows = re.findall(r"^\| `(\w+ \w+)` \|", page, re.MULTILINE)
    by_themselves = {job.value for job in Job if job.cron is not None}
    number = ("none", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")[
        len(by_themselves)
    ]
    assert f"The first {number} run by themselves" in page
    assert set(rows[: len(by_themselves)]) == by_themselves
    assert set(rows) == {job.value for job in Job}


def test_a_stale_heartbeat_is_reported_where_the_page_has_it_reported(project: Path):
    asking = {path.name for path in (project / "flows").rglob("*.py") if "watcher_fault(" in path.read_text()}
    assert asking == {"heartbeat.py", "status.py", "doctor.py", "alarms.py"}
    reported = "it hangs, which `muniment status`, `doctor` and `alarms` report"
    assert reported in (project / "docs/design.md").read_text()


def test_the_page_has_the_size_up_to_which_already_kept_reads_every_byte(project: Path):
    assert already_kept._READ_BACK_UP_TO == 1 << 30
    assert "reads every byte of a payload of at most 1 GiB" in (project / "docs/security.md").read_text()


def test_no_page_names_a_file_that_is_not_there(project: Path):
    for page in [*project.glob("*.md"), *(project / "docs").rglob("*.md")]:
        for target in re.findall(r"\]\(([^)#:]+)\)", page.read_text()):
            assert (page.parent / target).exists(), f"{page.relative_to(project)}: {target}"


def test_banned_words_name_nothing(project: Path):
    banned = {"utils", "util", "helpers", "helper", "common", "manager", "base", "misc"}
    for package in ("flows", "storage", "preservation", "tests", "benchmarks", "demonstration"):
        for path in (project / package).rglob("*"):
            assert not banned & set(re.split(r"[_.\W]+", path.name.lower())), path
