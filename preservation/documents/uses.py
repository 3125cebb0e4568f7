"""Which page of a PDF draws which stream, by the numbers of objects, without opening any of them."""

from collections.abc import Iterable
from typing import Final, TypeAlias

from pypdf.generic import ArrayObject, DictionaryObject, IndirectObject

from preservation.documents.pdf import resolved

ObjectKey: TypeAlias = tuple[int, int]
"""The number and the generation of an object."""

SEVERAL: Final = 0
"""Stands for the number of a page where several pages name a stream."""


class PageUses:
    """What the pages draw: their ``contents``, and the images and forms that they name, ``drawn``."""

    def __init__(self) -> None:
        self.contents: dict[ObjectKey, int] = {}
        self.drawn: dict[ObjectKey, int] = {}
        self._owners: dict[ObjectKey, int] = {}

    def add(self, number: int, page: DictionaryObject, resources: object) -> None:
        """Add a page, counted from 1; ``resources`` are its own, or those that it inherits."""
        contents = dict.get(page, "/Contents")
        _name(self.contents, contents if isinstance(contents, ArrayObject) else [contents], number)
        named = resolved(resources, DictionaryObject)
        held = None if named is None else dict.get(named, "/XObject")
        if isinstance(held, IndirectObject):
            key = (held.idnum, held.generation)
            owner = self._owners.setdefault(key, number)
            if owner == SEVERAL:
                return
            if owner != number:
                # One list for all pages says of nothing in it which of them draws it.
                self._owners[key] = number = SEVERAL
        listed = resolved(held, DictionaryObject)
        if listed is not None:
            _name(self.drawn, dict.values(listed), number)


def _name(where: dict[ObjectKey, int], references: Iterable[object], number: int) -> None:
    for reference in references:
        if isinstance(reference, IndirectObject):
            key = (reference.idnum, reference.generation)
            if where.setdefault(key, number) != number:
                where[key] = SEVERAL
