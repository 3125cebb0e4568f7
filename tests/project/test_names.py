"""One word, one thing: class names, the nouns of paths, and words that are retired."""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

PACKAGES = ("flows", "storage", "preservation")

STAND_ALONE = {"storage/journal/standalone.py", "storage/guide/verify.py"}
"""Auditors are handed these: they have classes of their own for what the house has too."""


def modules(project: Path) -> Iterator[Path]:
    for package in PACKAGES:
        for path in sorted((project / package).rglob("*.py")):
            if path.relative_to(project).as_posix() not in STAND_ALONE:
                yield path


def test_a_class_name_means_one_class_in_the_whole_house(project: Path):
    found = defaultdict(list)
    for path in modules(project):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                found[node.name].append(path.relative_to(project).as_posix())
    assert {name: places for name, places in found.items() if len(places) > 1} == {}


def test_every_word_of_a_path_stands_in_the_glossary(project: Path):
    glossary = (project / "docs" / "glossary.md").read_text("utf-8")
    defined = {
        word
        for row in re.findall(r"^\| ([^|]+) \|", glossary.partition("## Retired terms")[0], re.MULTILINE)
        for word in re.findall(r"[a-z0-9]+", row.lower())
    }
    words = defaultdict(set)
    for path in modules(project):
        relative = path.relative_to(project).with_suffix("")
        if "migrations" in relative.parts:
            # A migration is named by its number and by what it changes.
            continue
        for part in relative.parts:
            for word in re.findall(r"[a-z0-9]+", part.lower()):
                words[word].add(relative.as_posix())
    unknown = {
        word: min(places)
        for word, places in words.items()
        if not {word, f"{word}s", word.removesuffix("s"), word.removesuffix("es")} & defined
    }
    assert unknown == {}
