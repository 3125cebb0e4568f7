"""Bag metadata, ``bag-info.txt`` (RFC 8493 section 2.2.2), in its order and with its repetitions."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import NamedTuple, TypeAlias

from preservation.bagit.manifests import MalformedLine


@dataclass(frozen=True, slots=True)
class MetadataElement:
    """One element; line breaks are part of the value.

    ``loose`` says that its white space is not as BagIt 1.0 demands.
    """

    number: int
    label: str
    value: str
    loose: bool = False


class PayloadOxum(NamedTuple):
    """The size of a payload: octets in all its files, and how many files they are."""

    octets: int
    files: int

    def __str__(self) -> str:
        return f"{self.octets}.{self.files}"


NO_PAYLOAD = PayloadOxum(0, 0)

MetadataLine: TypeAlias = MetadataElement | MalformedLine

_LINEAR_SPACE = " \t"
_OXUM = re.compile(r"(\d{1,30})\.(\d{1,20})", re.ASCII)


def parse_bag_info(lines: Iterable[str]) -> Iterator[MetadataLine]:
    """Read the elements in their order. Blank lines are passed over."""
    pending: MetadataElement | None = None
    more: list[str] = []
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        if line[0] in _LINEAR_SPACE and pending is not None:
            more.append(line.strip(_LINEAR_SPACE))
            continue
        if pending is not None:
            yield _whole(pending, more)
        pending, more = _element(number, line), []
        if pending is None:
            yield MalformedLine(number, line)
    if pending is not None:
        yield _whole(pending, more)


def _whole(element: MetadataElement, more: list[str]) -> MetadataElement:
    return replace(element, value="\n".join((element.value, *more))) if more else element


def _element(number: int, line: str) -> MetadataElement | None:
    label, colon, value = line.partition(":")
    name = label.strip(_LINEAR_SPACE)
    if not colon or not name or line[0] in _LINEAR_SPACE:
        return None
    loose = name != label or not value.startswith((" ", "\t"))
    return MetadataElement(number, name, value.strip(_LINEAR_SPACE), loose)


def format_bag_info(fields: Iterable[tuple[str, str]]) -> str:
    """Return the content of ``bag-info.txt``, one line an element, in the order given.

    Raises ``ValueError`` where a label or a value could not be read back as it is.
    """
    return "".join(f"{_sound_label(label)}: {_sound_value(label, value)}\n" for label, value in fields)


def _sound_label(label: str) -> str:
    if not label or label != label.strip() or any(character in label for character in ":\r\n"):
        raise ValueError(f"{label!r} cannot be a label in bag-info.txt")
    return label


def _sound_value(label: str, value: str) -> str:
    if not value or value != value.strip() or "\r" in value or "\n" in value:
        raise ValueError(f"{value!r} cannot be the value of {label} in bag-info.txt: it must be one line")
    return value


def parse_payload_oxum(text: str) -> PayloadOxum | None:
    """Return what ``Payload-Oxum`` says, or ``None`` where it is not of the form octets.files."""
    match = _OXUM.fullmatch(text)
    return None if match is None else PayloadOxum(int(match[1]), int(match[2]))
