"""XML and XML schemas (XSD 1.0), read so that nothing is loaded and no entity is replaced.

A document is read into memory whole. Neither its DTD nor an entity, nor what it hints at in
``xsi:schemaLocation`` or includes by XInclude, is opened. A schema, with the schemas that it imports,
includes or redefines, comes as bytes by their paths, and what is not among them is not there.
"""

import posixpath
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final, TypeAlias
from urllib.parse import unquote, urlsplit

from lxml import etree

from preservation.errors import UnacceptableContentError
from preservation.model.paths import printable, quoted

SUFFIX: Final = ".xsd"

_XS: Final = "{http://www.w3.org/2001/XMLSchema}"
_REFERENCES: Final = frozenset(f"{_XS}{name}" for name in ("import", "include", "redefine"))
_DETAIL: Final = 300

Tree: TypeAlias = Any
"""An element, a parser or an error of lxml, whose stubs know less than it has."""

_QUIET: Final[dict[str, Any]] = {"no_network": True, "load_dtd": False, "huge_tree": False}
"""``collect_ids`` has to keep its default: where IDs are not collected, libxml2 loads the DTD."""


class UnsoundSchemaError(UnacceptableContentError):
    """A schema cannot be used. The message names the file, and says why."""


class _NothingElse(etree.Resolver):
    """Answers whatever would be loaded, by the schemas that are there; all else is refused."""

    def __init__(self, schemas: Mapping[str, bytes]) -> None:
        super().__init__()
        self._schemas = schemas

    def resolve(self, system_url: str, public_id: str, context: Any = None) -> Any:  # noqa: ANN401, ARG002  as lxml calls it, which is more than its stubs know
        content = self._schemas.get(system_url)
        if content is None:
            raise UnacceptableContentError(f"{quoted(system_url[:_DETAIL])} would have to be loaded")
        return self.resolve_string(content, context, base_url=system_url)


def a_parser(
    schemas: Mapping[str, bytes] | None = None, *, schema: etree.XMLSchema | None = None
) -> etree.XMLParser:
    """Return a parser that loads nothing but ``schemas``, and leaves entities as they are.

    With ``schema`` it validates as it parses.
    """
    parser = etree.XMLParser(resolve_entities=False, schema=schema, **_QUIET)
    parser.resolvers.add(_NothingElse(schemas or {}))
    return parser


@dataclass(frozen=True, slots=True)
class SchemaReference:
    """An import, include or redefinition: where it stands, as it is written, and which file is meant.

    ``path`` is ``None`` where it leads out of the folder, or is no ``.xsd`` file.
    """

    line: int
    location: str
    path: str | None


@lru_cache(maxsize=128)
def references_of(path: str, content: bytes) -> tuple[SchemaReference, ...]:
    """Return which other files a schema names. Raises ``UnsoundSchemaError``."""
    return tuple(one for _, one in _references(path, _root_of(path, content)))


def compiled(schema: str, files: Mapping[str, bytes]) -> etree.XMLSchema:
    """Return the schema at that path of ``files``, ready to validate by.

    Raises ``UnsoundSchemaError``. To be called where ``references_of`` has found that all is there.
    """
    roots = {path: _root_of(path, content) for path, content in files.items()}
    # Numbers, since a path may have signs that libxml2 writes otherwise in an address.
    addresses = {path: f"schema:/{number}" for number, path in enumerate(roots)}
    for path, root in roots.items():
        for element, reference in _references(path, root):
            element.set("schemaLocation", addresses.get(reference.path or "", "schema:/none"))
    # Without what stands before the first element: no document type reaches libxml2's reader of schemas.
    plain = {addresses[path]: etree.tostring(root, with_tail=False) for path, root in roots.items()}
    address = addresses[schema]
    try:
        document = etree.fromstring(plain[address], a_parser(plain), base_url=address)
        return etree.XMLSchema(document)
    except etree.LxmlError as error:
        raise UnsoundSchemaError(
            f"{printable(schema)} is no schema of XSD 1.0: {_words_of(error)}"
        ) from error


def _root_of(path: str, content: bytes) -> Tree:
    # Schemas of standards define entities for themselves, and use them; what lies elsewhere is refused.
    internal: Any = "internal"
    parser = etree.XMLParser(resolve_entities=internal, **_QUIET)
    parser.resolvers.add(_NothingElse({}))
    try:
        root = etree.fromstring(content, parser)
    except (etree.LxmlError, UnacceptableContentError) as error:
        raise UnsoundSchemaError(f"{printable(path)} is no sound XML: {_words_of(error)}") from error
    if root.tag != f"{_XS}schema":
        raise UnsoundSchemaError(f"{printable(path)} is no XML schema: its root is {quoted(str(root.tag))}")
    return root


def _references(path: str, root: Tree) -> Iterator[tuple[Tree, SchemaReference]]:
    for element in root:
        location = element.get("schemaLocation") if element.tag in _REFERENCES else None
        if location is not None:
            line = element.sourceline or 0
            yield element, SchemaReference(line, location, _located(location, path))


def _located(location: str, importer: str) -> str | None:
    """Return which file is meant: one of the web is that of its name beside the schema that names it."""
    try:
        parts = urlsplit(location.strip())
    except ValueError:
        return None
    name = unquote(parts.path)
    if parts.scheme or parts.netloc:
        name = posixpath.basename(name)
    path = posixpath.normpath(posixpath.join(posixpath.dirname(importer), name))
    return path if is_below(path) else None


def is_below(path: str) -> bool:
    """Say whether that is the path of a schema file below a folder, as plainly as it can be written."""
    parts = path.split("/")
    is_plain = path.isprintable() and "\\" not in path and path == posixpath.normpath(path)
    return is_plain and not path.startswith("/") and ".." not in parts and path.endswith(SUFFIX)


def _words_of(error: Exception) -> str:
    return printable(" ".join(str(error).split()))[:_DETAIL]
