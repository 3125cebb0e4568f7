"""What a PDF runs by itself, or when it is clicked: scripts, and programs that it starts (ISO 32000-1, 12.6).

Looked for where readers look: at what is done on opening, at the document's and the pages' events, the
document's named scripts, form fields, bookmarks and annotations. What is found is named with where it
stands, and nothing is run.
"""

from collections.abc import Iterator
from itertools import islice
from typing import Final

from pypdf.generic import ArrayObject, DictionaryObject, IndirectObject, NameObject

from preservation.documents.pdf import resolved

_MOST_LOOKED_AT: Final = 200_000
_KINDS: Final = {"/JavaScript": "JavaScript", "/Launch": "Launch", "/Rendition": "JavaScript"}


class ActionSearch:
    """Collects what is run. Bounded: no more than so many objects are looked at, in each role once."""

    def __init__(self) -> None:
        self._found: dict[str, None] = {}
        self._seen: set[tuple[str, int, int]] = set()
        self._looked_at = 0

    @property
    def is_cut_short(self) -> bool:
        """Whether there was more than is looked at."""
        return self._looked_at > _MOST_LOOKED_AT

    @property
    def found(self) -> tuple[str, ...]:
        """What was found: a kind, and where."""
        return tuple(self._found)

    def document(self, catalogue: DictionaryObject) -> None:
        """Look at what belongs to the whole document."""
        self._action(catalogue.get("/OpenAction"), "on opening")
        self._events(catalogue, "by an event of the document")
        names = resolved(catalogue.get("/Names"), DictionaryObject)
        if names is not None:
            self._named_scripts(names.get("/JavaScript"))
        form = resolved(catalogue.get("/AcroForm"), DictionaryObject)
        if form is not None:
            self._fields(form.get("/Fields"))
        outlines = resolved(catalogue.get("/Outlines"), DictionaryObject)
        if outlines is not None:
            self._bookmarks(outlines.get("/First"))

    def page(self, page: DictionaryObject) -> None:
        """Look at what belongs to a page."""
        self._events(page, "by an event of a page")
        for annotation in self._items(page.get("/Annots")):
            self._active(annotation, "by an annotation")

    def _fields(self, fields: object) -> None:
        waiting = [fields]
        while waiting:
            for field in self._items(waiting.pop()):
                self._active(field, "by a form field")
                waiting.append(field.get("/Kids"))

    def _bookmarks(self, first: object) -> None:
        waiting = [first]
        while waiting:
            bookmark = self._once(waiting.pop(), "bookmark")
            if bookmark is not None:
                self._active(bookmark, "by a bookmark")
                waiting += [bookmark.get("/Next"), bookmark.get("/First")]

    def _named_scripts(self, tree: object) -> None:
        waiting = [tree]
        while waiting:
            node = self._once(waiting.pop(), "name")
            if node is None:
                continue
            names = resolved(node.get("/Names"), ArrayObject)
            for action in islice(names or (), 1, None, 2):
                self._action(action, "on opening, by name")
            waiting.extend(islice(resolved(node.get("/Kids"), ArrayObject) or (), _MOST_LOOKED_AT))

    def _active(self, holder: DictionaryObject, where: str) -> None:
        self._action(holder.get("/A"), where)
        self._events(holder, where)

    def _events(self, holder: DictionaryObject, where: str) -> None:
        events = resolved(holder.get("/AA"), DictionaryObject)
        for action in () if events is None else events.values():
            self._action(action, where)

    def _action(self, action: object, where: str) -> None:
        """Look at an action and those that follow it."""
        waiting = [action]
        while waiting:
            current = self._once(waiting.pop(), "action")
            if current is None:
                continue
            kind = _KINDS.get(str(resolved(current.get("/S"), NameObject)))
            if kind is not None and (kind == "Launch" or "/JS" in current):
                self._found[f"{kind} {where}"] = None
            following = resolved(current.get("/Next"), ArrayObject)
            waiting.extend(
                [current.get("/Next")] if following is None else islice(following, _MOST_LOOKED_AT)
            )

    def _items(self, array: object) -> Iterator[DictionaryObject]:
        for item in resolved(array, ArrayObject) or ():
            found = self._once(item, "item")
            if found is not None:
                yield found

    def _once(self, found: object, role: str) -> DictionaryObject | None:
        """Return the dictionary, unless it was looked at before in that role, or enough was looked at."""
        if found is None:
            return None
        self._looked_at += 1
        if self._looked_at > _MOST_LOOKED_AT:
            self._found[f"what lies beyond {_MOST_LOOKED_AT:,} places was not looked at"] = None
            return None
        if isinstance(found, IndirectObject):
            key = (role, found.idnum, found.generation)
            if key in self._seen:
                return None
            self._seen.add(key)
        return resolved(found, DictionaryObject)
