"""The times of last change that a version records of its originals, for files that are restored."""

from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

from preservation.errors import PreservationError
from preservation.fixity.checking import Confirmed, check_stream
from preservation.fixity.digesting import ByteStream
from preservation.model.layout import ORIGINALS, PREMIS
from preservation.premis.reading import FileTimes, NoRecordError
from storage.ports.stores import Store
from storage.restore.description import Description
from storage.restore.outcomes import WantedFile

_BUFFER_BYTES = 1 << 20


def with_times(
    wanted: Sequence[WantedFile], description: Description, stores: Iterable[Store]
) -> list[WantedFile] | None:
    """Return the wanted files with the times that ``premis.xml`` of their version records.

    Only a record counts that is as the version's lists promise it. ``None``: no store has it as it was kept.
    """
    paths = {file.path for file in wanted if file.path.startswith(ORIGINALS)}
    promised = description.tags.get(PREMIS)
    if not paths or promised is None:
        return list(wanted)
    for store in stores:
        found = FileTimes(paths)
        with (
            suppress(PreservationError, OSError, NoRecordError),
            store.open(description.key(PREMIS)) as stream,
        ):
            verdict = check_stream(_Read(stream, found), promised, buffer=bytearray(_BUFFER_BYTES))
            if isinstance(verdict, Confirmed):
                found.end()
                return [replace(file, modified=found.times.get(file.path)) for file in wanted]
    return None


@dataclass(frozen=True, slots=True)
class _Read:
    """A stream whose bytes are fed to the reader of the record as they are read."""

    stream: ByteStream
    record: FileTimes

    def readinto(self, buffer: bytearray | memoryview, /) -> int | None:
        count = self.stream.readinto(buffer) or 0
        self.record.feed(memoryview(buffer)[:count])
        return count
