"""No depth that a stranger chooses can stop the product: nothing calls itself for each level of a tree."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

RECURSIVE = {
    "shutil": {"copytree", "move", "rmtree"},
    "os": {"fwalk", "makedirs", "removedirs", "renames", "walk"},
}
"""What the standard library does by recursion, or for each level of a path of any length."""

METHODS = {"rglob", "walk"}
"""Methods of ``pathlib`` that do so."""

BOUNDED = {
    ("flows/inboxes/accepted/clear.py", "_kept_records"),  # groups: as many levels as the policy says
    ("flows/orchestration/child_process.py", "run_in_children"),  # one level: each drop by itself
    ("preservation/policy/places.py", "_value"),  # policy files: the operator writes them
    ("preservation/settling/drops.py", "drops_among"),  # groups, likewise
}
"""Functions that call themselves, to a depth that no drop chooses."""


def product_files(project: Path) -> Iterator[Path]:
    for package in ("preservation", "storage", "flows"):
        yield from sorted((project / package).rglob("*.py"))


def recursive_calls(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        match node:
            case ast.Call(func=ast.Attribute(value=ast.Name(module), attr=name)) if name in RECURSIVE.get(
                module, ()
            ):
                yield f"line {node.lineno}: {module}.{name}"
            case ast.Call(func=ast.Attribute(value=value, attr=name)) if (
                name in METHODS and not isinstance(value, ast.Name | ast.Attribute)
            ) or name == "rglob":
                yield f"line {node.lineno}: {name}"
            case ast.ImportFrom(module=("os" | "shutil") as module, names=names):
                yield from (
                    f"line {node.lineno}: {module}.{one.name}"
                    for one in names
                    if one.name in RECURSIVE[module]
                )


def functions_that_call_themselves(tree: ast.AST) -> Iterator[str]:
    classes = (node for node in ast.walk(tree) if isinstance(node, ast.ClassDef))
    methods = {member for one in classes for member in one.body}
    for function in ast.walk(tree):
        if not isinstance(function, ast.FunctionDef):
            continue
        itself = f"self.{function.name}" if function in methods else function.name
        calls = (node for node in ast.walk(function) if isinstance(node, ast.Call))
        if any(ast.unparse(call.func) == itself for call in calls):
            yield function.name


def test_the_product_walks_copies_and_removes_trees_by_its_own_iterative_means(project: Path):
    found = {
        f"{file.relative_to(project)}, {call}"
        for file in product_files(project)
        for call in recursive_calls(ast.parse(file.read_text()))
    }
    assert found == set(), "use preservation.files.tree, preservation.long_paths or preservation.survey.walk"


def test_no_function_of_the_product_calls_itself_to_a_depth_that_a_drop_chooses(project: Path):
    found = {
        (str(file.relative_to(project)), name)
        for file in product_files(project)
        for name in functions_that_call_themselves(ast.parse(file.read_text()))
    }
    assert found == BOUNDED


@pytest.mark.parametrize(
    "source",
    ["shutil.rmtree(drop)", "os.walk(drop)", "from shutil import rmtree", "Path(drop).rglob('*')"],
)
def test_a_recursive_call_would_be_found(source: str):
    assert list(recursive_calls(ast.parse(source)))
