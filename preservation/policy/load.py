"""Reads a policy file, and reports every fault in it at once."""

import re
import tomllib
from collections.abc import Iterator
from itertools import combinations, product
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from preservation.errors import ConfigurationError, UnacceptableContentError, reason_of
from preservation.model.amounts import count
from preservation.model.paths import printable
from preservation.policy.faults import FaultReport, PolicyFault
from preservation.policy.globs import PathPattern, can_both_match
from preservation.policy.rules import When, contradiction_in
from preservation.policy.schema import Policy, Terms
from preservation.policy.schema_files import (
    ReadSchema,
    SchemaFile,
    files_of_schema,
    schemas_among,
    schemas_beside,
)
from preservation.policy.screens import REPEATABLE
from preservation.policy.supplied_xml import SuppliedXml

_OF_DECODED_PICTURES = frozenset({"image-specification", "page-content"})
_LINE_IN_MESSAGE = re.compile(r" \(at line (\d+), column \d+\)$")


def load(path: Path) -> Policy:
    """Return the policy in the file at ``path``.

    Raises ``ConfigurationError``, with every fault and its place, where it cannot be read or is not sound.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        fault = PolicyFault(1, f"{printable(str(path))}: cannot be read: {error.strerror}")
        raise _unsound(str(path), fault) from error
    return parse(content, str(path), schemas_beside(path))


def parse(content: bytes, source: str, read_schema: ReadSchema | None = None) -> Policy:
    """Return the policy that ``content`` says; ``source`` names it in faults.

    ``read_schema`` has the XML schemas that it may name; without, it has none.

    Raises ``ConfigurationError``, with every fault and its place, where it is not sound.
    """
    try:
        text = content.decode()
        document = tomllib.loads(text)
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        fault = PolicyFault(line, f"{source}:{line}: not UTF-8; save it in that encoding")
        raise _unsound(source, fault) from error
    except tomllib.TOMLDecodeError as error:
        raise _unsound(source, _syntax_fault(source, text, str(error))) from error
    except RecursionError as error:
        fault = PolicyFault(1, f"{source}: its arrays or tables are nested too deeply")
        raise _unsound(source, fault) from error
    report = FaultReport(source, text, document)
    faults = list(_contradictions(report, document))
    try:
        terms = Terms.model_validate(document)
    except ValidationError as error:
        raise _unsound(source, *report.from_pydantic(error), *faults) from error
    schemas: set[SchemaFile] = set()
    for place, screen in enumerate(terms.screens):
        if isinstance(screen, SuppliedXml):
            try:
                schemas.update(files_of_schema(screen.schema_path, read_schema or schemas_among(())))
            except UnacceptableContentError as error:
                faults.append(report.fault(("screen", place, "schema"), reason_of(error)))
    if faults:
        raise _unsound(source, *faults)
    return Policy(terms, content, tuple(sorted(schemas)))


def _unsound(source: str, *faults: PolicyFault) -> ConfigurationError:
    # What the models and the comparison of entries both find is reported once.
    in_order = sorted(set(faults))
    found = count(len(in_order), "fault")
    sentences = tuple(fault.sentence for fault in in_order)
    return ConfigurationError(f"the policy {printable(source)} has {found}:", sentences)


def _syntax_fault(source: str, text: str, message: str) -> PolicyFault:
    place = _LINE_IN_MESSAGE.search(message)
    line = int(place[1]) if place else text.count("\n") + 1
    return PolicyFault(line, f"{source}:{line}: not TOML: {_LINE_IN_MESSAGE.sub('', message)}")


def _contradictions(report: FaultReport, document: dict[str, Any]) -> Iterator[PolicyFault]:
    """Return what only several entries together show. They may have faults of their own."""
    screens = _entries(document, "screen")
    rules = _entries(document, "rule")
    checks = {place: entry.get("check") for place, entry in screens.items()}
    once = {place: check for place, check in checks.items() if str(check) not in REPEATABLE}
    yield from _repeated(report, "screen", once)
    yield from _repeated(report, "rule", {place: entry.get("id") for place, entry in rules.items()})
    if not any(entry.get("check") == "irregular-entries" for entry in screens.values()):
        yield report.fault(
            (),
            'there is no [[screen]] with check = "irregular-entries"; no package can hold links, devices and '
            "unreadable files, so every policy has to say that they are refused, and why",
        )
    yield from _unread(report, checks)
    for place, entry in rules.items():
        contradiction = contradiction_in(entry)
        if contradiction is not None:
            yield report.fault(("rule", place), contradiction)
    conditions = {place: _sound_condition(entry) for place, entry in rules.items()}
    for (first, one), (second, other) in combinations(conditions.items(), 2):
        claimed = shared_claim(one, other) if one is not None and other is not None else None
        if claimed is not None:
            earlier = report.name_and_line(("rule", first))
            yield report.fault(
                ("rule", second, "when"),
                f"{earlier} could claim the same file: {claimed}; narrow one of them",
            )


def _unread(report: FaultReport, checks: dict[int, Any]) -> Iterator[PolicyFault]:
    """Return that files are specified which nothing reads: silence would look like soundness."""
    specifications = [place for place, check in checks.items() if check == "document-specification"]
    if specifications and "sound-documents" not in checks.values():
        yield report.fault(
            ("screen", specifications[0]),
            'there is no [[screen]] with check = "sound-documents", which reads the documents; add one',
        )
    if "decodable-images" not in checks.values():
        for place, check in checks.items():
            if check in _OF_DECODED_PICTURES:
                yield report.fault(
                    ("screen", place),
                    'looks at pictures that check = "decodable-images" decodes; list that screen as well',
                )


def _repeated(report: FaultReport, kind: str, names: dict[int, object]) -> Iterator[PolicyFault]:
    first_with: dict[object, int] = {}
    for place, name in names.items():
        if isinstance(name, str) and first_with.setdefault(name, place) != place:
            line = report.line_of((kind, first_with[name]))
            yield report.fault((kind, place), f"there is one of this name already, in line {line}")


def _sound_condition(rule: dict[str, Any]) -> When | None:
    try:
        return When.model_validate(rule.get("when"))
    except ValidationError:
        return None


def _entries(document: dict[str, Any], kind: str) -> dict[int, dict[str, Any]]:
    entries = document.get(kind)
    if not isinstance(entries, list):
        return {}
    return {place: entry for place, entry in enumerate(entries) if isinstance(entry, dict)}


def shared_claim(left: When, right: When) -> str | None:
    """Describe a file that both conditions could take; ``None`` where there is none.

    Rules that could claim one file are an error: which of them was meant would be left to their order. Two
    conditions are held apart only by what is certain: formats or names that have nothing in common. Where
    that cannot be shown, they overlap.
    """
    if (left.unidentified and right.puid) or (left.puid and right.unidentified):
        return None
    formats = [puid for puid in left.puid or right.puid if puid in (right.puid or left.puid)]
    if not formats and left.puid:
        return None
    left_names, right_names = _names(left), _names(right)
    patterns = next(iter(left_names or right_names), ())[:1]
    for one, other in product(left_names, right_names):
        patterns = next((pair for pair in product(one, other) if can_both_match(*pair)), ())
        if not patterns:
            return None
    described = "a file"
    if formats:
        described += f" of format {formats[0]}"
    elif left.unidentified or right.unidentified:
        described += " of unknown format"
    if patterns:
        described += f" whose path fits {' and '.join(repr(pattern) for pattern in dict.fromkeys(patterns))}"
    return described


def _names(when: When) -> list[tuple[PathPattern, ...]]:
    """Return what a condition asks of paths: a pattern of each tuple has to fit. An extension is one too."""
    extensions = tuple(PathPattern(f"*.{extension}") for extension in when.extension)
    return [patterns for patterns in (when.path, extensions) if patterns]
