"""The job that has a submitted bag read by the Library of Congress's own ``bagit``, in a caged worker."""

import logging
from collections.abc import Mapping, Sequence
from typing import BinaryIO

import bagit

from preservation.tools.wire import unpacked
from preservation.tools.work import NOT_ABOUT_CONTENT, Json

# It logs what it also raises, for a terminal that is not its own, names as they come. A filter, since
# a later configuration of logging enables again what was only disabled.
logging.getLogger("bagit").addFilter(lambda _: False)

_LONGEST_VERDICT = 500


def read(arguments: Mapping[str, Json], _: Sequence[BinaryIO], __: Sequence[BinaryIO]) -> Json:
    """Return what it finds wrong in ``folder``, an empty text where that is nothing.

    Only structure and completeness: it reads the manifests and lists the folder, but no payload.
    """
    folder = unpacked(arguments["folder"])
    try:
        bagit.Bag(folder).validate(completeness_only=True)
    except bagit.BagError as verdict:
        found = str(verdict).replace(f"{folder}/", "")
    except NOT_ABOUT_CONTENT:
        raise
    except Exception as failure:  # noqa: BLE001  what it does not expect in a bag from anywhere, it does not catch
        found = f"it gave up: {type(failure).__name__}: {failure}"
    else:
        found = ""
    return found[:_LONGEST_VERDICT].encode("utf-8", "backslashreplace").decode()
