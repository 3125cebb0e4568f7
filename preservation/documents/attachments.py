"""What is attached to a PDF (ISO 32000-1, 7.11.4; 7.9.6): the names of the files, and none of them opened."""

from itertools import islice
from typing import Final

from pypdf.generic import ArrayObject, DictionaryObject, IndirectObject

from preservation.documents.pdf import resolved

_MOST: Final = 1000
_MOST_NODES: Final = 10_000


def attachments_of(catalogue: DictionaryObject) -> tuple[str, ...]:
    """Return the names of the files that the document holds, no more than a thousand, in its order."""
    names = resolved(catalogue.get("/Names"), DictionaryObject)
    waiting: list[object] = [None if names is None else dict.get(names, "/EmbeddedFiles")]
    seen: set[tuple[int, int]] = set()
    found: list[str] = []
    nodes = 0
    while waiting and len(found) < _MOST and nodes < _MOST_NODES:
        reference = waiting.pop()
        nodes += 1
        if isinstance(reference, IndirectObject):
            key = (reference.idnum, reference.generation)
            if key in seen:
                continue
            seen.add(key)
        node = resolved(reference, DictionaryObject)
        if node is None:
            continue
        pairs = resolved(node.get("/Names"), ArrayObject) or ()
        for name, specification in zip(
            islice(pairs, 0, 2 * _MOST, 2), islice(pairs, 1, None, 2), strict=False
        ):
            found.append(_file_name(resolved(specification, DictionaryObject), name))
        waiting.extend(reversed(list(islice(resolved(node.get("/Kids"), ArrayObject) or (), _MOST_NODES))))
    return tuple(found[:_MOST])


def _file_name(specification: DictionaryObject | None, name: object) -> str:
    stated = None if specification is None else specification.get("/UF", specification.get("/F"))
    return str(name if stated is None else stated)[:255]
