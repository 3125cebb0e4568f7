"""The checks that see all files of a drop together: what one name shows only beside the others.

Each takes the policy's screen and what the drop is. To add such a screen, add it to ``DROP_CHECKS``.
"""

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, Final, Protocol, TypeAlias

from preservation.model.files import SurveyedFile
from preservation.model.identifiers import ObjectName
from preservation.model.issues import Issue
from preservation.policy.document_specification import DocumentSpecification
from preservation.policy.file_names import FileNames, PairedFiles
from preservation.policy.metadata_columns import DescriptiveMetadata
from preservation.policy.schema import Policy
from preservation.policy.screen_tables import ScreenTable
from preservation.policy.supplied_xml import SuppliedXml
from preservation.screening.document_specification import DocumentSpecificationCheck
from preservation.screening.file_names import FileNameCheck
from preservation.screening.file_pairs import FilePairCheck
from preservation.screening.metadata_tables import MetadataCheck
from preservation.screening.supplied_xml import SuppliedXmlCheck


class DropCheck(Protocol):
    """One check of one drop. It may remember what it saw, within a few hundred bytes a file."""

    def look(self, file: SurveyedFile) -> Iterator[Issue]:
        """Yield what is wrong with one file, in the order of the survey."""

    def close(self, surveyed: Iterable[SurveyedFile]) -> Iterator[Issue]:
        """Yield what is wrong with the whole, after the last file. ``surveyed`` are the files once more."""


_Maker: TypeAlias = Callable[[Any, ObjectName, Path], DropCheck]
DROP_CHECKS: Final[dict[type[ScreenTable], _Maker]] = {
    FileNames: FileNameCheck,
    PairedFiles: FilePairCheck,
    DocumentSpecification: DocumentSpecificationCheck,
    DescriptiveMetadata: MetadataCheck,
    SuppliedXml: SuppliedXmlCheck,
}
"""The check of each screen, in the order in which issues are reported."""


def drop_checks_for(policy: Policy, name: ObjectName, root: Path) -> tuple[DropCheck, ...]:
    """Return the checks that see all files of a drop together; it lies at ``root``, and becomes ``name``."""
    return tuple(
        make(screen, name, root) for kind, make in DROP_CHECKS.items() for screen in policy.screens(kind)
    )
