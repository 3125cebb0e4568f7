"""The XML schemas that a policy names: read beside it, and fixed with it."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Final, TypeAlias

from preservation.errors import UnacceptableContentError
from preservation.model.amounts import byte_size
from preservation.model.paths import printable

MOST_FILES: Final = 100
MOST_BYTES: Final = 4 << 20
"""Of all files of one schema together: they are sent to the cage with every file that is validated."""


@dataclass(frozen=True, slots=True, order=True)
class SchemaFile:
    """A file of a schema: its path below the policy's folder, and its bytes."""

    path: str
    content: bytes


ReadSchema: TypeAlias = Callable[[str], bytes]
"""Returns the bytes at a path below the policy's folder. Raises ``OSError``."""


def schemas_beside(policy: Path) -> ReadSchema:
    """Return what reads the schemas in the folder of the policy file at ``policy``."""

    def read(path: str) -> bytes:
        place = policy.parent / path
        if not place.is_file():
            # Not opened: a pipe would wait for a writer.
            raise FileNotFoundError(2, "there is no such file", str(place))
        with place.open("rb") as stream:
            return stream.read(MOST_BYTES + 1)

    return read


def schemas_among(files: tuple[SchemaFile, ...]) -> ReadSchema:
    """Return what finds schemas among those that were read before."""
    by_path = {file.path: file.content for file in files}

    def read(path: str) -> bytes:
        if path not in by_path:
            raise FileNotFoundError(2, "there is no such file", path)
        return by_path[path]

    return read


def files_of_schema(schema: str, read: ReadSchema) -> tuple[SchemaFile, ...]:
    """Return the files of a schema, itself and what it imports and includes, in the order of their paths.

    Raises ``UnacceptableContentError`` where one is not there or cannot be used, with the reason.
    """
    # With it comes lxml, which policies without such a screen do not need.
    from preservation.documents.xml_schema import references_of  # noqa: PLC0415

    found: dict[str, bytes] = {}
    waiting = [(schema, "")]
    while waiting:
        path, named_by = waiting.pop()
        if path in found:
            continue
        try:
            found[path] = read(path)
        except OSError as error:
            reason = error.strerror or "it cannot be read"
            raise UnacceptableContentError(f"{printable(path)}{named_by}: {reason}") from error
        if len(found) > MOST_FILES:
            raise UnacceptableContentError(f"{printable(schema)} consists of more than {MOST_FILES} files")
        if sum(map(len, found.values())) > MOST_BYTES:
            words = f"{printable(schema)} is larger than {byte_size(MOST_BYTES)}, with all that it names"
            raise UnacceptableContentError(words)
        for reference in references_of(path, found[path]):
            if reference.path is None:
                raise UnacceptableContentError(
                    f"{printable(path)} line {reference.line} names {printable(reference.location)!r}, which "
                    "is no .xsd file below the policy's folder"
                )
            waiting.append((reference.path, f", which {printable(path)} line {reference.line} names"))
    files = tuple(sorted(SchemaFile(path, content) for path, content in found.items()))
    _require_sound(schema, files)
    return files


@lru_cache(maxsize=32)
def _require_sound(schema: str, files: tuple[SchemaFile, ...]) -> None:
    # Remembered: a service reads its policies again and again.
    from preservation.documents.xml_schema import compiled  # noqa: PLC0415  likewise

    compiled(schema, {file.path: file.content for file in files})


def write_schemas(files: tuple[SchemaFile, ...], folder: Path) -> None:
    """Write the files below ``folder``, each at its path. Raises ``OSError``."""
    for file in files:
        place = folder / file.path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(file.content)
