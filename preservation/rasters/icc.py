"""ICC profiles: whether one is whole (ICC.1:2022 section 7)."""

_HEADER_AND_COUNT, _ENTRY = 132, 12
_SIGNATURE = b"acsp"


def fault_of_profile(profile: bytes) -> str | None:
    """Say in what an ICC profile is damaged; ``None`` where its size, signature and tag table are right."""
    if len(profile) < _HEADER_AND_COUNT:
        return f"it has {len(profile):,} bytes, fewer than its header takes"
    if profile[36:40] != _SIGNATURE:
        return "it does not begin as a profile does"
    stated = int.from_bytes(profile[:4])
    if stated > len(profile):
        return f"it is cut off: {len(profile):,} of its {stated:,} bytes are there"
    count = int.from_bytes(profile[128:132])
    table = profile[_HEADER_AND_COUNT : _HEADER_AND_COUNT + count * _ENTRY]
    if len(table) < count * _ENTRY:
        return "its table of contents goes beyond its end"
    for at in range(0, len(table), _ENTRY):
        start, size = (int.from_bytes(table[at + 4 : at + 8]), int.from_bytes(table[at + 8 : at + 12]))
        if start + size > len(profile):
            return "its table of contents points outside of it"
    return None
