"""What all the tables of a drop say of it together."""

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from preservation.descriptions import issues
from preservation.descriptions.reading import read_description
from preservation.descriptions.table import TableAllowance
from preservation.manifests.drop_names import DropNames
from preservation.model.descriptions import DescribedFile, Statements, SuppliedDescription
from preservation.model.identifiers import ObjectName
from preservation.model.issues import Issue
from preservation.model.paths import RelativePath


class DescribedDrop:
    """The tables of a drop, read. Memory holds what they say, which is limited; the drop's files go by."""

    def __init__(self, root: Path, tables: Iterable[RelativePath], name: ObjectName) -> None:
        self._statements: Statements = {}
        self._files: dict[RelativePath, Statements] = {}
        self._issues: list[Issue] = []
        self._of_files: RelativePath | None = None
        names, allowance = DropNames(root), TableAllowance()
        for path in tables:
            found = read_description(root, path, name, names=names, allowance=allowance)
            # What one table says of the object is not mixed with what another does.
            self._statements = self._statements or found.statements
            self._issues.extend(found.issues)
            if found.files:
                self._of_files = self._of_files or path
            for described in found.described():
                own = self._files.setdefault(described.path, {})
                for element, values in described.statements.items():
                    own.setdefault(element, []).extend(values)

    def files(self, surveyed: Iterable[RelativePath]) -> Iterator[DescribedFile]:
        """Give those of the surveyed files that are described, in their order."""
        return (DescribedFile(path, self._files[path]) for path in surveyed if path in self._files)

    def description(
        self, surveyed: Iterable[RelativePath], needs_no_row: Callable[[RelativePath], bool]
    ) -> SuppliedDescription:
        """Return what is said of the object, and all issues: also which of the surveyed files have no row."""
        without = 0
        examples: list[RelativePath] = []
        for path in surveyed if self._of_files is not None else ():
            if path not in self._files and not needs_no_row(path):
                without += 1
                if len(examples) < issues.NAMED:
                    examples.append(path)
        found = tuple(self._issues)
        if self._of_files is not None and without:
            found = (*found, issues.files_without_row(self._of_files, without, examples))
        return SuppliedDescription(self._statements, found)
