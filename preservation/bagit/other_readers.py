"""What another reader of bags makes of a manifest that is written as RFC 8493 asks."""

from typing import Final

from preservation.bagit.manifests import encode_path
from preservation.model.paths import BagPath

_DECODED_AT_MOST: Final = 2


def bagit_py_reads(path: BagPath) -> bool:
    """Return whether ``bagit.py`` (1.9) finds the file at ``path`` by its line in a manifest of ours.

    It does not decode ``%25``, decodes ``%0D`` and ``%0A`` twice in a name and no more, ends a line at
    whatever Unicode calls a line's end, and takes white space from the end of a name.
    """
    if path.isascii() and path.isprintable() and "%" not in path and not path.endswith(" "):
        return True
    written = encode_path(path)
    return (
        "%" not in path
        and len(written.splitlines()) == 1
        and written == written.rstrip()
        and max(path.count("\r"), path.count("\n")) <= _DECODED_AT_MOST
    )
