"""What came with a drop: manifests that others made, and how the drop compares with them."""

from dataclasses import dataclass
from enum import StrEnum

from preservation.model.digests import Algorithm
from preservation.model.issues import Issue
from preservation.model.paths import RelativePath


class ManifestLayout(StrEnum):
    """The layouts in which manifests are found in the field."""

    MD5SUM = "md5sum"
    BSD = "BSD"
    HASHDEEP = "hashdeep"
    BAGIT = "BagIt"
    CSV = "CSV"


@dataclass(frozen=True, slots=True)
class SuppliedManifest:
    """One supplied manifest, checked against the survey: ``confirmed`` counts files whose digests match."""

    path: RelativePath
    algorithms: tuple[Algorithm, ...]
    layout: ManifestLayout
    entries: int
    confirmed: int
    issues: tuple[Issue, ...]
