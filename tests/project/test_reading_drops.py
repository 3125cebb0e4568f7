"""What lies in a drop is opened by one mechanism: nothing below a drop is opened or listed by its path."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

READERS = (
    "preservation/archives",
    "preservation/bagit",
    "preservation/descriptions",
    "preservation/fixity",
    "preservation/identification",
    "preservation/intake",
    "preservation/long_paths.py",
    "preservation/manifests",
    "preservation/normalization",
    "preservation/packaging",
    "preservation/rasters",
    "preservation/screening",
    "preservation/settling",
    "preservation/survey",
    "preservation/tools/handed.py",
    "preservation/virus",
    "flows/submission/drop.py",
    "flows/submission/stages",
    "storage/replication",
    "storage/stores/sources.py",
)
"""Where paths of drops are handled: a folder stands for all that is in it."""

BY_PATH = {
    *("open", "stat", "lstat", "read_bytes", "read_text", "iterdir", "exists", "is_file", "is_dir"),
    *("is_symlink", "walk", "glob", "rglob", "scandir", "listdir", "readlink", "access", "isfile", "isdir"),
    *("islink", "lexists", "getsize", "copyfile", "copy", "copy2", "copytree", "mmap"),
}
"""Calls that reach what has a path: the built-in ``open``, and those of ``os``, ``shutil`` and ``Path``."""

OF_AN_ENTRY = {"entry", "item", "descriptor", "info"}
"""What was listed by descriptor: an entry of a folder, or a member of an archive."""

OPEN_ALREADY = {"descriptor", "folder", "stream", "self._stream", "info", "fileobj"}
"""Arguments that are descriptors and streams: what has no path cannot be exchanged."""

ALLOWED = {
    "flows/submission/drop.py": {"path.lstat"},
    "flows/submission/stages/completion.py": {
        *("walk", "whole.exists", "above.is_dir", "one.exists"),
        *("place.exists", "place.is_dir", "place.open", "place.stat"),
    },
    "flows/submission/stages/drop_changes.py": {"walk"},
    "flows/submission/stages/register.py": {"PlannedBag.open", "made.exists"},
    "flows/submission/stages/replicate.py": {"PlannedBag.open"},
    "flows/submission/stages/sidecars.py": {
        *("folder.exists", "copy.open"),
        *("workspace.sidecars.exists", "workspace.sidecars.iterdir"),
    },
    "flows/submission/stages/virus_check.py": {"walk"},
    "preservation/bagit/validation.py": {"real.stat"},
    "preservation/identification/fido.py": {"path.open"},
    "preservation/identification/identify.py": {"os.open"},
    "preservation/identification/links.py": {"os.open"},
    "preservation/identification/magic.py": {"os.open"},
    "preservation/identification/pronom.py": {"configuration().glob", "newest.read_bytes"},
    "preservation/intake/cage.py": {"archive.stat"},
    "preservation/intake/unpack.py": {"leftover.exists", "os.open", "(root / name.removeprefix(base)).open"},
    "preservation/normalization/normalize.py": {"written.open"},
    "preservation/packaging/planned.py": {"path.open", "path.read_bytes"},
    "preservation/packaging/planning.py": {"root.exists"},
    "preservation/packaging/tag_files.py": {"self._target.open"},
    "preservation/rasters/decoding.py": {"mmap.mmap"},
    "preservation/screening/thumbnails.py": {"image.copy"},
    "preservation/settling/look.py": {"drop.lstat", "path.lstat"},
    "preservation/settling/mounts.py": {"Path(f'/proc/{process}/mountinfo').read_bytes"},
    "preservation/settling/promised.py": {"(drop / BAGIT_TXT).lstat"},
    "preservation/settling/writing.py": {
        *("os.listdir", "os.scandir", "os.readlink", "drop.lstat"),
        "Path(f'{_PROC}/{process}/fdinfo/{descriptor}').read_bytes",
    },
    "preservation/survey/survey.py": {"walk"},
    "preservation/survey/walk.py": {"walk"},
    "preservation/tools/handed.py": {"os.open"},
    "storage/replication/occupation.py": {"store.stat"},
    "storage/replication/replica_writer.py": {"self.store.stat"},
}
"""What is no path below a drop: our own files in ``processing/``, /proc, the engines' view of a file that is
open already; the look at a drop's own name, which follows no link; our own ``walk``; what a caged
process, whose end is a finding, maps into memory; a size by which a limit of time is set;
and what a store has."""


def calls_by_path(source: str) -> Iterator[tuple[int, str]]:
    """Give the line and the name of each call that reaches something by its path."""
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Call):
            continue
        function = node.func
        owner = ast.unparse(function.value) if isinstance(function, ast.Attribute) else ""
        name = function.attr if isinstance(function, ast.Attribute) else ast.unparse(function)
        arguments = [ast.unparse(one) for one in node.args[:1]]
        arguments += [keyword.arg or "" for keyword in node.keywords]
        if name not in BY_PATH or owner in OF_AN_ENTRY:
            continue
        # What is mapped into memory ends the process where it is cut, descriptor or not.
        if name == "mmap":
            yield node.lineno, ast.unparse(function)
            continue
        if "dir_fd" in arguments or OPEN_ALREADY & set(arguments) or ".fileno()" in "".join(arguments):
            continue
        yield node.lineno, ast.unparse(function)


def readers(project: Path) -> Iterator[Path]:
    for place in READERS:
        path = project / place
        yield from [path] if path.is_file() else sorted(path.rglob("*.py"))


def test_nothing_below_a_drop_is_reached_by_its_path(project: Path):
    found = [
        f"{path.relative_to(project)}:{line}: {call}"
        for path in readers(project)
        for line, call in calls_by_path(path.read_text("utf-8"))
        if call not in ALLOWED.get(path.relative_to(project).as_posix(), set())
    ]
    assert found == [], "open it by preservation.files.beneath, which follows no link"


def test_the_list_of_what_is_allowed_has_nothing_that_is_gone(project: Path):
    made = {
        path.relative_to(project).as_posix(): {call for _, call in calls_by_path(path.read_text("utf-8"))}
        for path in readers(project)
    }
    assert {path: calls - made[path] for path, calls in ALLOWED.items() if calls - made[path]} == {}


@pytest.mark.parametrize(
    "line",
    [
        'open(f"{root}/{path}", "rb")',
        '(root / path).open("rb")',
        "os.open(path, os.O_RDONLY)",
        "os.scandir(root)",
        "os.stat(path)",
        "path.read_bytes()",
        "shutil.copyfile(source, target)",
        "mmap.mmap(stream.fileno(), 0)",
    ],
)
def test_a_new_way_by_path_would_be_found(line: str):
    assert list(calls_by_path(line)) == [(1, ast.unparse(ast.parse(line).body[0].value.func))]
