"""What an encrypted PDF withholds from whoever has only the user's password (ISO 32000-1, table 22)."""

from typing import Final

from pypdf import PdfReader
from pypdf.constants import UserAccessPermissions as Permission

from preservation.screening.reports import Withheld

_FUNCTIONS: Final[tuple[tuple[Permission, Withheld], ...]] = (
    (Permission.PRINT, "Print Function"),
    (Permission.MODIFY, "Modify Function"),
    (Permission.EXTRACT, "Copy Function"),
    (Permission.ADD_OR_MODIFY, "Annotate Function"),
    (Permission.FILL_FORM_FIELDS, "Fill Form Function"),
)


def withheld_by(reader: PdfReader) -> tuple[Withheld, ...]:
    """Return the functions that the document withholds; none where it does not say."""
    granted = reader.user_access_permissions
    if granted is None:
        return ()
    return tuple(name for permission, name in _FUNCTIONS if permission not in granted)
