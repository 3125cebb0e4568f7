"""The jobs of intake, in a caged worker: what is in an archive, and its bag, file by file."""

import os
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import BinaryIO

import msgspec

from preservation.archives import members
from preservation.archives.walking import archive_kind_of
from preservation.bagit.serialized import SerializedBag, read_serialized
from preservation.intake.exchange import Found, Listed, MemberSender, Sent, Wrong
from preservation.model.issues import Issue
from preservation.model.paths import is_utf8, printable, quoted
from preservation.tools.wire import packed, unpacked
from preservation.tools.work import Json

_NAMED = 5
_NAME_SHOWN = 300
_PART_BYTES = 1 << 18
_OF_PROGRAMS = frozenset({"[Content_Types].xml", "mimetype", "META-INF/MANIFEST.MF"})
"""Members that tell a document (OOXML, OpenDocument, EPUB) or a program (JAR) from a zip of files."""


def list_archive(arguments: Mapping[str, Json], inputs: Sequence[BinaryIO], _: Sequence[BinaryIO]) -> Json:
    """List the one input, called ``name``, within ``limits``."""
    kind = archive_kind_of(inputs[0], arguments["name"])
    if kind is None:
        return msgspec.to_builtins(Listed())
    bag = read_serialized(inputs[0], kind, members.UnpackLimits(**arguments["limits"]))
    bags, beside = bag.bag_folders, bag.beside
    listed = Listed(
        kind.value,
        harmful=tuple(map(_found, bag.harmful.issues)),
        unkeepable=tuple(map(_found, bag.unkeepable.issues)),
        bags=len(bags),
        named_bags=_named(bags),
        beside=len(beside),
        named_beside=_named(beside),
        base=packed(bag.base),
        size=bag.layout.size,
        files=len(bag.layout.files) + len(bag.layout.hard_links) + len(bag.layout.folders),
        remarks=tuple(map(_found, bag.remarks())),
        guessed=_named(bag.layout.guessed),
        is_document=not _OF_PROGRAMS.isdisjoint(bag.layout.files),
    )
    return msgspec.to_builtins(listed)


def unpack_archive(
    arguments: Mapping[str, Json], inputs: Sequence[BinaryIO], outputs: Sequence[BinaryIO]
) -> Json:
    """Send what lies below ``base`` in the one input to the one output; return what is wrong with it, if so.

    It may be another archive now than the one that was listed: it is held to the same again.
    """
    base = unpacked(arguments["base"])
    sender = MemberSender(outputs[0])

    def visit(member: members.ArchiveMember, opener: members.Opener) -> None:
        if member.name.startswith(base):
            sender.send(Sent(_bytes_of(member.name), modified=member.modified), _parts(member.name, opener))

    limits = members.UnpackLimits(**arguments["limits"])
    bag = read_serialized(inputs[0], members.ArchiveKind(arguments["kind"]), limits, visit)
    _send_rest(bag, base, sender)
    wrong = (*bag.harmful.issues, *bag.unkeepable.issues)
    return msgspec.to_builtins(Wrong(_found(wrong[0]) if wrong else None))


def _send_rest(bag: SerializedBag, base: str, sender: MemberSender) -> None:
    for name in bag.layout.folders:
        if name and name.startswith(base):
            sender.send(Sent(_bytes_of(name), is_folder=True))
    for name, target in bag.layout.hard_links.items():
        if name.startswith(base):
            sender.send(Sent(_bytes_of(name), same_as=_bytes_of(target)))


def _parts(name: str, opener: members.Opener) -> Iterator[bytes]:
    try:
        with opener() as content:
            while part := content.read(_PART_BYTES):
                yield part
    except members.DamagedMemberError as failure:
        message = f"{quoted(name)} in the archive: {failure}."
        raise members.ArchiveError(members.ArchiveFault.UNREADABLE, message, name) from failure


def _bytes_of(name: str) -> bytes:
    return os.fsencode(name)


def _found(issue: Issue) -> Found:
    path = issue.path
    if path is not None and (len(path) > _NAME_SHOWN or not is_utf8(path)):
        path = None
    return Found(issue.code, _cut(issue.message), issue.next_step, path, issue.severity)


def _cut(text: str) -> str:
    return text if len(text) <= 2 * _NAME_SHOWN else f"{text[:_NAME_SHOWN]} … {text[-_NAME_SHOWN:]}"


def _named(names: Collection[str]) -> tuple[str, ...]:
    return tuple(printable(name[:_NAME_SHOWN]) for name in sorted(names)[:_NAMED])
