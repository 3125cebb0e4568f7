"""What tests of identification share."""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path

from fido.fido import Fido

from preservation.identification import fido


@cache
def _fido_itself() -> Fido:
    return Fido(quiet=True, nocontainer=True, format_files=[fido.release().signatures])


def said_by_fido_itself(path: Path) -> set[str]:
    """Ask fido's own code, slow as it is, for the formats whose signatures the file bears."""
    peer = _fido_itself()
    with path.open("rb") as stream:
        head, tail, _ = peer.get_buffers(stream, path.stat().st_size, seekable=True)
    return {peer.get_puid(element) for element, _ in peer.match_formats(head, tail)}


def noise(size: int) -> bytes:
    """Return that many bytes of no format, the same ones every time."""
    return hashlib.shake_128(b"noise").digest(size)
