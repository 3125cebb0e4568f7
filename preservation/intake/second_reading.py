"""The job that has a submitted bag read by the Library of Congress's own ``bagit``, in a caged worker.

It opens files by path, and would follow a link that took a file's place. Here it opens them as Muniment does.
"""

import codecs
import logging
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import BinaryIO

import bagit

from preservation.files.beneath import read_plain_file
from preservation.long_paths import entries_of
from preservation.tools.wire import unpacked
from preservation.tools.work import NOT_ABOUT_CONTENT, Json

# It logs what it also raises, for a terminal that is not its own, names as they come. A filter, since
# a later configuration of logging enables again what was only disabled.
logging.getLogger("bagit").addFilter(lambda _: False)

_LONGEST_VERDICT = 500


def _open(path: str, _: str = "rb") -> BinaryIO:
    return read_plain_file(path)


def _open_text(path: str, _: str = "r", encoding: str = "utf-8") -> codecs.StreamReader:
    reader = codecs.getreader(encoding)(read_plain_file(path))
    # As codecs.open gives it, which bagit reads.
    reader.encoding = encoding  # type: ignore[attr-defined]
    return reader


bagit.open, bagit.open_text_file = _open, _open_text


class _Bag(bagit.Bag):  # type: ignore[misc]  # bagit has no annotations
    """A bag whose payload is listed through no link."""

    def payload_files(self) -> Iterator[str]:
        for below, entry in entries_of(Path(self.path) / "data"):
            if not isinstance(entry, OSError) and not entry.is_dir(follow_symlinks=False):
                path = f"data/{below}{entry.name}"
                self.normalized_filesystem_names[bagit.normalize_unicode(path)] = path
                yield path


def read(arguments: Mapping[str, Json], _: Sequence[BinaryIO], __: Sequence[BinaryIO]) -> Json:
    """Return what it finds wrong in ``folder``, an empty text where that is nothing.

    Only structure and completeness: it reads the manifests and lists the folder, but no payload.
    """
    folder = unpacked(arguments["folder"])
    try:
        _Bag(folder).validate(completeness_only=True)
    except bagit.BagError as verdict:
        found = str(verdict).replace(f"{folder}/", "")
    except NOT_ABOUT_CONTENT:
        raise
    except Exception as failure:  # noqa: BLE001  what it does not expect in a bag from anywhere, it does not catch
        found = f"it gave up: {type(failure).__name__}: {failure}"
    else:
        found = ""
    return found[:_LONGEST_VERDICT].encode("utf-8", "backslashreplace").decode()
