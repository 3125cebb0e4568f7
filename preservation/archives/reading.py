"""The members of an archive, read to their ends: what comes out is compared with its checksums."""

import time

from preservation.archives.members import DamagedMemberError, Opener

_STEP = 1 << 20


class MemberReading:
    """Reads members one after the other, for no more than ``seconds`` of CPU time, all together."""

    def __init__(self, seconds: float) -> None:
        self._until = time.process_time() + seconds

    def has_time(self) -> bool:
        """Say whether another member may be read."""
        return time.process_time() < self._until

    def fault_of(self, opener: Opener, most: int) -> str | None:
        """Read a member to its end; say what is wrong with its bytes. ``most`` is the size that it claims.

        A ``TimeoutError`` says that time ran out in the midst of it.
        """
        size = 0
        try:
            with opener() as content:
                while part := content.read(_STEP):
                    size += len(part)
                    if size > most:
                        return f"it unpacks to more than the {most:,} bytes that it claims"
                    if not self.has_time():
                        raise TimeoutError
        except DamagedMemberError as error:
            return str(error)
        return None if size == most else f"it unpacks to {size:,} bytes, and claims {most:,}"
