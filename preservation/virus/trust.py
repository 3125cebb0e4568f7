"""How far a scanner's word is taken: one that finds nothing by a dozen old signatures says nothing."""

from __future__ import annotations

from datetime import datetime

from preservation.model.viruses import NoScanner, NotScanned, Obstacle, ScannerRelease


def doubt(scanner: ScannerRelease | NoScanner, at: datetime, signatures_days: int) -> NotScanned | None:
    """Say why files in which it finds nothing cannot be called clean at ``at`` (UTC), or ``None``.

    ``signatures_days`` is how old its official signatures may be.
    """
    if isinstance(scanner, NoScanner):
        return NotScanned(Obstacle.NO_SCANNER, scanner.detail)
    named = f"{scanner.engine} {scanner.version}"
    age = scanner.age_days(at)
    if age is None:
        return NotScanned(Obstacle.DATABASE, f"{named} has no official signatures")
    if age > signatures_days:
        told = f"the signatures of {named} are {age} days old, and the policy allows {signatures_days}"
        return NotScanned(Obstacle.DATABASE, told)
    # Time zones make half a day of difference; anything more is a clock that is wrong.
    if age < -1:
        told = f"the signatures of {named} are dated {scanner.dated:%Y-%m-%d}, which is yet to come"
        return NotScanned(Obstacle.DATABASE, told)
    return None
