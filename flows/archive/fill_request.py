"""What filling stores is asked for, and how many bytes of it one run may copy."""

from dataclasses import dataclass

from preservation.model.identifiers import CollectionName, StoreName


@dataclass(frozen=True, slots=True)
class FillRequest:
    """Stores that are to be filled with what they lack and with what is gone from them.

    Args:
        collection: Only its packages.
        store: Only this store.
        budget: So many bytes are copied at most; one package that is larger is copied alone.
        really_all: Also where so much is gone from a store that a person has to look first.
        dry_run: Nothing is written, not even the journal.
    """

    collection: CollectionName | None = None
    store: StoreName | None = None
    budget: int | None = None
    really_all: bool = False
    dry_run: bool = False


class Budget:
    """How many bytes may still be copied, and what is left because of that."""

    def __init__(self, budget: int | None) -> None:
        self._budget = budget
        self._spent = 0
        self.left = 0
        self.left_bytes = 0

    def allows(self, size: int) -> bool:
        """Return whether so many bytes may be copied; once something is left, all that follows is too.

        A package comes after those whose bytes it relies on: none is copied before one that was left.
        """
        budget = self._budget
        if budget is None or (not self.left and (self._spent + size <= budget or self._is_new)):
            return True
        self.leave(size)
        return False

    def leave(self, size: int) -> None:
        """Count what is left, whatever the budget."""
        self.left += 1
        self.left_bytes += size

    def spend(self, size: int) -> None:
        """Count what was copied."""
        self._spent += size

    @property
    def _is_new(self) -> bool:
        return self._spent == 0 and self._budget != 0
