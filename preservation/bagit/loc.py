"""A second reading of a bag, by the Library of Congress's own ``bagit``.

Only structure and completeness: that reads the manifests and lists the folder, but no payload, whose
digests the survey has. It is asked because it is what other archives will ask; where it finds fault
with what our validator accepts, that is told, and ours decides, which knows RFC 8493 better: it
decodes %25, which ``bagit`` 1.9 does not.
"""

from __future__ import annotations

import logging
from pathlib import Path

import bagit

from preservation.bagit import codes
from preservation.model.issues import Issue
from preservation.model.paths import printable

# It logs what it also raises, for a terminal that is not its own, names as they come. A filter, since
# whoever configures logging later enables again what was only disabled.
logging.getLogger("bagit").addFilter(lambda _: False)

_LONGEST_MESSAGE = 500


def second_reading(folder: Path) -> tuple[Issue, ...]:
    """Return what ``bagit`` finds wrong with the bag in ``folder``, one warning at most."""
    try:
        bagit.Bag(str(folder)).validate(completeness_only=True)
    except bagit.BagError as verdict:
        return (_otherwise(str(verdict).replace(f"{folder}/", "")),)
    except (OSError, ValueError, LookupError, RecursionError) as failure:
        # What it does not expect in a bag from anywhere, it does not catch.
        return (_otherwise(f"it gave up: {type(failure).__name__}: {failure}"),)
    return ()


def _otherwise(what: str) -> Issue:
    message = f"The Library of Congress's bagit says: {printable(what[:_LONGEST_MESSAGE])}"
    return codes.warning(codes.SECOND_READING, message)
