"""The members of an archive, read to their ends: what comes out is compared with its checksums."""

import time

from preservation.archives.members import DamagedMemberError, Opener, UnknownPackingError

_STEP = 1 << 20


class MemberReading:
    """Reads members one after the other, for no more than ``seconds`` of CPU time, all together.

    ``unread`` counts those for which there was no time, or nothing here that unpacks them.
    """

    def __init__(self, seconds: float) -> None:
        self._until = time.process_time() + seconds
        self.unread = 0

    def fault_of(self, opener: Opener, most: int) -> str | None:
        """Read a member to its end; say what is wrong with its bytes. ``most`` is the size that it claims."""
        size = 0
        try:
            with opener() as content:
                while self._has_time():
                    part = content.read(_STEP)
                    size += len(part)
                    if size > most:
                        return f"it unpacks to more than the {most:,} bytes that it claims"
                    if not part:
                        return None if size == most else f"it unpacks to {size:,} bytes, and claims {most:,}"
        except UnknownPackingError:
            pass
        except DamagedMemberError as error:
            return str(error)
        self.unread += 1
        return None

    def _has_time(self) -> bool:
        return time.process_time() < self._until
