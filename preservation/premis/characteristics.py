"""What a file is: formats (unit 1.5.4), inhibitors (1.5.6), and what a table says of it (1.5.7)."""

from functools import lru_cache
from typing import Final

from preservation.model.derivatives import Derivative
from preservation.model.descriptions import DescribedFile
from preservation.model.formats import FormatMatch, Identification
from preservation.model.screening import ScreenedFile
from preservation.premis.dublin_core import dublin_core_element
from preservation.premis.units import leaf, optional_leaf, term_or_word, unit
from preservation.premis.vocabulary import INHIBITORS

UNDECIDED: Final = "one of several possibilities"
"""The note on a format that a file may have, where none was decided."""


def description(described: DescribedFile | None) -> str:
    """Return what a table says of a file, in Dublin Core, as an ``objectCharacteristicsExtension``."""
    if described is None or not described.statements:
        return ""
    return unit("objectCharacteristicsExtension", dublin_core_element(described.statements))


@lru_cache(maxsize=512)
def formats(identification: Identification, *remarks: str) -> str:
    """Return a ``format`` unit for the decided format, or for each of those that it may be.

    Notes carry ``remarks``, and every engine's own account, also of those that were of another opinion.
    """
    described = (*remarks, f"media type: {identification.mime}", *identification.warnings)
    if not identification.matches:
        return _format("unknown", "", "", ("no engine knows this format", *described))
    if identification.decided is None:
        return "".join(
            _format(
                match.name,
                match.version,
                match.puid,
                (UNDECIDED, _account(match), *remarks),
            )
            for match in identification.matches
        )
    accounts = tuple(_account(match) for match in identification.matches)
    decided = next(match for match in identification.matches if match.puid == identification.decided)
    return _format(decided.name, decided.version, decided.puid, (*accounts, *described))


def derivative_formats(made: Derivative) -> str:
    """Return the ``format`` units of a derivative, with the name that its encoder gives the format."""
    if made.identification is None:
        return _format(made.format_name, "", "", ("as the encoder names it",))
    return formats(made.identification, f"the encoder calls it {made.format_name}")


def inhibitors(screened: ScreenedFile | None) -> str:
    """Return an ``inhibitors`` unit for each thing that keeps people from the file or from a use of it."""
    if screened is None:
        return ""
    return "".join(
        unit(
            "inhibitors",
            term_or_word("inhibitorType", INHIBITORS.get(one.method, one.method)),
            *(term_or_word("inhibitorTarget", INHIBITORS.get(target, target)) for target in one.targets),
        )
        for one in screened.inhibitors
    )


def _format(name: str, version: str, key: str, notes: tuple[str, ...]) -> str:
    registry = (
        unit("formatRegistry", leaf("formatRegistryName", "PRONOM"), leaf("formatRegistryKey", key))
        if key
        else ""
    )
    return unit(
        "format",
        unit("formatDesignation", leaf("formatName", name or key), optional_leaf("formatVersion", version)),
        registry,
        *(leaf("formatNote", note) for note in notes),
    )


def _account(match: FormatMatch) -> str:
    return f"{match.engine} says {match.puid}: {match.basis}"
