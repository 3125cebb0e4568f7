"""What a finding is called in a few words, by its code: the heading over the files that have it."""

from collections.abc import Mapping
from typing import Final

from preservation.model.issues import IssueCode

_TITLES: Final[Mapping[str, str]] = {
    "FIX-001": "Not the file that a manifest lists",
    "FIX-002": "Listed by a manifest, and not there",
    "FIX-003": "In no supplied manifest",
    "FIX-004": "A manifest that cannot be understood",
    "FIX-005": "A manifest that leads out of the drop",
    "FIX-006": "Found elsewhere than its manifest says",
    "FIX-007": "Spelled otherwise than in its manifest",
    "FIX-008": "A manifest that goes beyond what is read",
    "FIX-009": "Listed with what is no digest",
    "FIX-010": "A manifest that lists itself",
    "FIX-011": "A manifest that nothing was compared with",
    "DSC-001": "A table that goes beyond what is read",
    "DSC-002": "A table that cannot be read",
    "DSC-003": "A table that is not in Unicode",
    "DSC-004": "A table that says nothing of the drop",
    "DSC-005": "Rows about files that are not there",
    "DSC-006": "Files without a row",
    "SCR-001": "Not a file",
    "SCR-002": "Cannot be read",
    "SCR-003": "A name that is not UTF-8",
    "SCR-004": "Changed while it was read",
    "SCR-005": "Empty folder",
    "SCR-006": "Path too long",
    "SCR-010": "Junk",
    "SCR-011": "Empty file",
    "SCR-020": "Damaged image",
    "SCR-021": "Image that no decoder here reads",
    "SCR-022": "Damaged ICC profile",
    "SCR-023": "Image that breaks a rule of its format",
    "SCR-024": "Remark on an image",
    "SCR-030": "Damaged document",
    "SCR-031": "Password needed",
    "SCR-032": "Encrypted document",
    "SCR-033": "Document that readers have to mend",
    "SCR-034": "Document that runs something",
    "SCR-035": "Document that holds other files",
    "SCR-036": "Document that was not wholly looked into",
    "SCR-040": "Unknown format",
    "SCR-041": "Format in dispute",
    "SCR-042": "Extension of another format",
    "SCR-050": "Names that differ in case only",
    "SCR-051": "Names that differ in how accents are spelled",
    "SCR-052": "A name that a store cannot hold",
    "SCR-053": "A name that ends with a dot or a space",
    "SCR-060": "Archive that leads out of its folder",
    "SCR-061": "Archive that unpacks to too much",
    "SCR-062": "Damaged archive",
    "SCR-063": "Archive that was not wholly looked into",
    "SCR-070": "More than may be used to look into it",
    "SCR-071": "Crashes what opens it",
    "SCR-080": "Not looked into",
    "VIR-001": "Infected",
    "VIR-002": "Not scanned for malware",
    "POL-001": "Not taken by the policy",
    "POL-002": "An archivist is asked",
    "POL-003": "A manifest is required",
    "NRM-001": "No preservation copy",
}
"""In the words of ``docs/issues.md``, whose codes about files of a drop all stand here."""


def title_of(code: IssueCode) -> str:
    """Return the title of a finding; of one that has none, the code itself."""
    return _TITLES.get(code, code)
