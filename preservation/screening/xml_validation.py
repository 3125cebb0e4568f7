"""The job that holds one XML file against an XML schema, in a caged worker."""

import io
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import BinaryIO, Final

import msgspec
from lxml import etree
from msgspec.structs import replace

from preservation.documents.xml_schema import Tree, UnsoundSchemaError, a_parser, compiled
from preservation.errors import ToolFailedError
from preservation.screening.reports import XmlFault, XmlReport
from preservation.tools.work import Json

LARGEST_XML: Final = 64 << 20
"""Bytes of a file. As a tree it takes up to thirty times as much memory."""

_FIRST: Final = 5
"""So many faults are reported with their lines; the others are counted."""
_MANY: Final = 1_000
_SMALL: Final = 64 << 10
_PIECE: Final = 16 << 10
_OFTEN: Final = 64
_LONGEST: Final = 300

_BEYOND: Final = frozenset(
    {
        etree.ErrorTypes.ERR_RESOURCE_LIMIT,
        etree.ErrorTypes.ERR_ENTITY_LOOP,
        etree.ErrorTypes.ERR_NAME_TOO_LONG,
    }
)
_MULTIBYTE: Final = ("UTF-16", "UTF-32", "UCS", "ISO-10646")
"""What encodings are called in which a line does not end with one byte."""


def validate(arguments: Mapping[str, Json], inputs: Sequence[BinaryIO], _: Sequence[BinaryIO]) -> Json:
    """Validate the one input.

    ``schemas`` are the files of the schema by their paths, each byte as the character of its number, and
    ``schema`` is the path of the first. ``root`` is the local name that the root element has to have, ``""``
    where it may be any.
    """
    files = tuple((path, text.encode("latin-1")) for path, text in arguments["schemas"].items())
    content = inputs[0].read(LARGEST_XML + 1)
    return msgspec.to_builtins(_report(content, _schema(arguments["schema"], files), arguments["root"]))


@lru_cache(maxsize=8)
def _schema(path: str, files: tuple[tuple[str, bytes], ...]) -> etree.XMLSchema:
    try:
        return compiled(path, dict(files))
    except UnsoundSchemaError as error:
        # It was compiled when the policy was read: no fault of the file that is to be validated.
        raise ToolFailedError(str(error)) from error


def _report(content: bytes, schema: etree.XMLSchema, root_name: str) -> XmlReport:
    if len(content) > LARGEST_XML:
        return XmlReport(too_much=f"it is larger than {LARGEST_XML >> 20} MiB")
    parser: Tree = a_parser()
    try:
        root: Tree = etree.fromstring(content, parser)
    except etree.XMLSyntaxError as error:
        return _unread(error)
    entities = tuple(_entities(root, parser))
    if entities:
        return XmlReport(entities=entities)
    name = etree.QName(root)
    report = XmlReport(root=_shortened(name.text))
    if root_name and name.localname != root_name:
        return report
    many = _many_faults(content, root, schema) if len(content) > _SMALL else ()
    if many:
        return replace(report, invalid=many, others=_MANY - len(many), are_more=True)
    is_valid = schema.validate(root)
    log: Tree = schema.error_log
    if any(entry.type == etree.ErrorTypes.ERR_NO_MEMORY for entry in log):
        raise MemoryError
    found = [XmlFault(entry.line, _shortened(entry.message)) for entry in log]
    if not is_valid and not found:
        found.append(XmlFault(root.sourceline or 0, "it is not valid, and no reason was given"))
    return replace(report, invalid=tuple(found[:_FIRST]), others=len(found[_FIRST:]))


def _unread(error: Tree) -> XmlReport:
    if error.code == etree.ErrorTypes.ERR_NO_MEMORY:
        raise MemoryError
    fault = XmlFault(error.lineno or 0, _shortened(error.msg or "it is no XML"))
    if error.code in _BEYOND:
        return XmlReport(too_much=f"line {fault.line}: {fault.words}")
    return XmlReport(fault=fault)


def _entities(root: Tree, parser: Tree) -> Iterator[str]:
    """Yield the first entities that a document declares, or uses without having declared them.

    They are not replaced, so what a schema would say of such a document is not what other programs see.
    """
    declared = root.getroottree().docinfo.internalDTD
    names = [] if declared is None else [str(entity.name) for entity in declared.iterentities()]
    unknown = etree.ErrorTypes.WAR_UNDECLARED_ENTITY
    names += [entry.message for entry in parser.error_log if entry.type == unknown]
    names += [entity.text for entity, _ in zip(root.iter(etree.Entity), range(_FIRST), strict=False)]
    yield from dict.fromkeys(_shortened(name) for name in names[:_FIRST])


def _many_faults(content: bytes, root: Tree, schema: etree.XMLSchema) -> tuple[XmlFault, ...]:
    """Return the first faults of a file that has many, and nothing of one that has few.

    For each fault in a tree lxml counts the elements before it: a hundred thousand take minutes. As a stream
    the file is validated until there are enough; what a stream does not show is the line, so it is read line
    by line.
    """
    encoding = (root.getroottree().docinfo.encoding or "").upper()
    has_lines = not encoding.startswith(_MULTIBYTE)
    parser: Tree = a_parser(schema=schema)
    found: list[XmlFault] = []
    line = 1
    stream = io.BytesIO(content)
    for number, piece in enumerate(iter(lambda: stream.readline(_PIECE), b"")):
        try:
            parser.feed(piece)
        except (etree.XMLSyntaxError, MemoryError):
            # It is well-formed: what stops the stream is found in the tree as well, which needs less memory.
            return ()
        if len(found) < _FIRST or number % _OFTEN == 0 or len(piece) == _PIECE:
            faults = list(parser.feed_error_log)
            new = faults[len(found) : _FIRST]
            found += [XmlFault(line if has_lines else 0, _shortened(entry.message)) for entry in new]
            if len(faults) >= _MANY:
                return tuple(found)
        line += piece.endswith(b"\n")
    return ()


def _shortened(words: str) -> str:
    text = " ".join(words.split())
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]} …"
