"""Which names a place can hold. A name is never bent to fit: one that does not fit is reported."""

from dataclasses import dataclass

from preservation.model.paths import quoted


@dataclass(frozen=True, slots=True)
class NameRules:
    """What a store's names may be. Lengths are in bytes of UTF-8; ``None`` means without limit.

    ``forbidden`` holds single characters, ``forbidden_endings`` what no segment may end with (a space,
    a dot). ``reserved`` holds whole segments in lower case (``con``, ``aux``), which the place takes for
    something else whatever their extension.
    """

    max_segment_bytes: int | None = 255
    max_path_bytes: int | None = None
    forbidden: frozenset[str] = frozenset()
    forbidden_endings: tuple[str, ...] = ()
    reserved: frozenset[str] = frozenset()

    def fault_of(self, path: str) -> str | None:
        """Say why such a place cannot hold ``path``, or ``None`` where it can."""
        length = len(path.encode("utf-8", "surrogateescape"))
        if self.max_path_bytes is not None and length > self.max_path_bytes:
            return f"the whole path has {length} bytes, and {self.max_path_bytes} are possible"
        return next(filter(None, map(self._fault_of_segment, path.split("/"))), None)

    def _fault_of_segment(self, segment: str) -> str | None:
        length = len(segment.encode("utf-8", "surrogateescape"))
        if self.max_segment_bytes is not None and length > self.max_segment_bytes:
            return f"{quoted(segment)} has {length} bytes, and {self.max_segment_bytes} are possible"
        for character in segment:
            if character in self.forbidden:
                return f"{quoted(segment)} holds {quoted(character)}"
        for ending in self.forbidden_endings:
            if segment.endswith(ending):
                return f"{quoted(segment)} ends with {ending!r}"
        if segment.partition(".")[0].lower() in self.reserved:
            return f"{quoted(segment)} is the name of a device there"
        return None
