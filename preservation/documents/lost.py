"""Objects of a damaged PDF that others name and that are gone, by what is written in the file itself.

Reading libraries take a reference to nothing for a null, as they must; only the text shows what was named.
"""

import re
from collections.abc import Iterable
from typing import BinaryIO, Final

from preservation.documents.uses import ObjectKey

_REFERENCE: Final = re.compile(rb"(?<![\d.])(\d{1,10})\s+(\d{1,5})\s+R\b")
_STREAM: Final = re.compile(rb"\bstream\r?\n.*?\bendstream\b", re.DOTALL)
_MOST_BYTES: Final = 256 << 20


def named_objects(stream: BinaryIO, also: Iterable[bytes]) -> list[ObjectKey]:
    """Return what the file names outside of its streams.

    ``also`` are streams of objects, unpacked. Of a file of more than 256 MiB only so much is read.
    """
    stream.seek(0)
    texts = [_STREAM.sub(b" ", stream.read(_MOST_BYTES)), *also]
    return sorted({(int(one[1]), int(one[2])) for text in texts for one in _REFERENCE.finditer(text)})
