"""What a drop is: a folder, a file, a bag, or an archive of a bag or of files, which is unpacked."""

import errno
import os
import stat
from collections.abc import Collection
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from preservation.archives.members import ArchiveKind, UnpackLimits
from preservation.archives.walking import kind_by_name, looks_like_archive
from preservation.bagit import codes as bag_codes
from preservation.bagit.declaration import BAGIT_TXT
from preservation.bagit.litter import bag_below
from preservation.bagit.source import PAYLOAD
from preservation.errors import DeniedError, NotFoundError, SourceChangedError, UnavailableError
from preservation.files.beneath import A_LINK_NOW, folder_of
from preservation.fixity.digesting import digest_file
from preservation.intake import codes
from preservation.intake.cage import LIST, issue_of, listed_in, more_seconds
from preservation.intake.exchange import Listed
from preservation.intake.unpack import unpack
from preservation.long_paths import entries_of
from preservation.model.digests import Algorithm
from preservation.model.issues import Issue, IssueCode
from preservation.model.paths import RelativePath, printable, quoted
from preservation.model.submissions import DropKind, Received, UnpackedArchive
from preservation.policy.intake import Unpacked
from preservation.tools.work import Request
from preservation.tools.workers import CagedWorkers

_UNPACKED = "unpacked"


@dataclass(frozen=True, slots=True)
class Unacceptable:
    """A drop that cannot be accepted as it is, and why. Nothing of it was changed."""

    issues: tuple[Issue, ...]


def recognise(
    drop: Path,
    workspace: Path,
    limits: UnpackLimits,
    workers: CagedWorkers,
    unpacks: Collection[Unpacked] = (),
) -> Received | Unacceptable:
    """Say what ``drop`` is and where its payload lies.

    A bag in a zip or tar archive is unpacked to ``workspace/unpacked``, from the beginning if it was
    before, and so is a file that is called such an archive, of the kinds in ``unpacks``; any other archive is
    kept as the file that it is, if it is harmless. All that is found out by ``workers``, which have preloaded
    ``cage.JOB_MODULES``. Raises ``NotFoundError`` where there is no drop, ``DeniedError`` and
    ``UnavailableError`` where it cannot be read, ``SourceChangedError`` where a folder on the way to it is a
    link now, and ``StoreFullError`` where there is no room to unpack it.
    """
    try:
        return _recognised(drop, workspace, limits, workers, unpacks)
    except FileNotFoundError as failure:
        raise NotFoundError(
            f"The drop {printable(str(drop))} is not there any more; mount its disk again, or drop it again."
        ) from failure
    except PermissionError as failure:
        raise DeniedError(
            f"The drop {printable(str(drop))} must not be read ({printable(str(failure.filename))}); "
            "see to its permissions, then try again."
        ) from failure
    except OSError as failure:
        if failure.errno in A_LINK_NOW:
            raise SourceChangedError(
                f"{printable(str(failure.filename or drop))} has a link or a file where a folder was while "
                "the drop was looked at; put the folder there, then drop it again"
            ) from failure
        raise UnavailableError(
            f"The drop {printable(str(drop))} cannot be read ({failure.strerror}); check its disk."
        ) from failure


def _recognised(
    drop: Path, workspace: Path, limits: UnpackLimits, workers: CagedWorkers, unpacks: Collection[Unpacked]
) -> Received | Unacceptable:
    with folder_of(drop.parent, drop.name) as (folder, name):
        mode = os.lstat(name, dir_fd=folder).st_mode
    if stat.S_ISDIR(mode):
        return _recognised_folder(drop)
    if stat.S_ISREG(mode):
        return _recognised_file(drop, workspace, limits, workers, unpacks)
    if stat.S_ISLNK(mode):
        return _refused(codes.DROP_IS_LINK, f"The drop {_name(drop)} is a symbolic link to something else.")
    return _refused(codes.DROP_IS_NO_FILE, f"The drop {_name(drop)} is neither a file nor a folder.")


def _recognised_folder(folder: Path) -> Received | Unacceptable:
    if _is(stat.S_IFREG, folder / BAGIT_TXT):
        return _recognised_bag(folder, folder, DropKind.BAG)
    if not _holds_anything(folder):
        return _refused(codes.NOTHING_IN_IT, f"There is nothing in the drop {_name(folder)}.")
    found = _bag_below(folder)
    if found is not None:
        bag, remarks = found
        received = _recognised_bag(folder, bag, DropKind.BAG)
        return replace(received, remarks=remarks) if isinstance(received, Received) else received
    return Received(DropKind.FOLDER, folder)


def _bag_below(folder: Path) -> tuple[Path, tuple[Issue, ...]] | None:
    try:
        return bag_below(folder)
    except OSError as failure:
        # What must not be listed, or lies too deep, is reported by the survey.
        if failure.errno in {errno.EACCES, errno.ENAMETOOLONG}:
            return None
        raise


def _recognised_bag(drop: Path, root: Path, kind: DropKind) -> Received | Unacceptable:
    payload, bag = root / PAYLOAD, f"The drop {_name(drop)} is a bag"
    if not _is(stat.S_IFDIR, payload):
        return _refused(codes.NO_PAYLOAD_FOLDER, f"{bag} without a payload folder, data.")
    if not _holds_anything(payload):
        return _refused(codes.NOTHING_IN_IT, f"{bag}, and there is nothing in its payload folder, data.")
    return Received(kind, payload, bag_root=root)


def _recognised_file(
    file: Path, workspace: Path, limits: UnpackLimits, workers: CagedWorkers, unpacks: Collection[Unpacked]
) -> Received | Unacceptable:
    as_file = Received(DropKind.FILE, file.parent, only=RelativePath(file.name))
    if not looks_like_archive(file):
        return as_file
    request = Request(
        LIST,
        {"name": printable(file.name), "limits": asdict(limits)},
        (file,),
        more_seconds=more_seconds(file),
    )
    (outcome,) = workers.map([request])
    listed = listed_in(outcome, file, limits)
    if isinstance(listed, Issue):
        return Unacceptable((listed,))
    if not listed.harmful and not listed.bags and not _is_unpacked(file, listed, unpacks):
        return as_file
    issues = _obstacles(listed)
    target = workspace / _UNPACKED
    if not issues:
        size, digests = digest_file(file, (Algorithm.SHA256,))
        issue = unpack(file, listed, target, limits, workers)
        issues = () if issue is None else (issue,)
    if issues:
        return Unacceptable(issues if listed.bags else tuple(map(_of_no_bag, issues)))
    archive = UnpackedArchive(
        file.name, str(listed.kind), size, digests[Algorithm.SHA256], listed.files, listed.size
    )
    remarks = (codes.unpacked(archive), *map(issue_of, listed.remarks))
    if listed.bags:
        received = _recognised_bag(file, target, DropKind.SERIALIZED_BAG)
    elif not _holds_anything(target):
        received = _refused(codes.NOTHING_IN_IT, f"There is nothing in the archive {_name(file)}.")
    else:
        received = Received(DropKind.ARCHIVE, target)
    if isinstance(received, Unacceptable):
        return received
    return replace(received, archive=archive, remarks=remarks)


def _is_unpacked(file: Path, listed: Listed, unpacks: Collection[Unpacked]) -> bool:
    """Say whether what is no bag is unpacked: what its maker calls an archive, and is no document inside."""
    if listed.kind is None or listed.is_document or kind_by_name(file.name) is None:
        return False
    return as_unpacked(ArchiveKind(listed.kind)) in unpacks


def as_unpacked(kind: ArchiveKind) -> Unpacked:
    """Return the policy's word for a kind of archive."""
    return Unpacked.ZIP if kind is ArchiveKind.ZIP else Unpacked.TAR


def _of_no_bag(issue: Issue) -> Issue:
    """Return the issue of an archive without its words about a bag."""
    if issue.code != bag_codes.NOT_A_FILE:
        return issue
    return codes.refusal(codes.ARCHIVE_WITH_LINK, issue.message, issue.path)


def _obstacles(listed: Listed) -> tuple[Issue, ...]:
    if listed.harmful:
        return tuple(map(issue_of, listed.harmful))
    if listed.bags > 1:
        message = f"The archive holds {listed.bags:,} bags: {_names(listed.named_bags, listed.bags)}."
        return (codes.refusal(codes.SEVERAL_BAGS, message),)
    if listed.beside:
        names = _names(listed.named_beside, listed.beside)
        message = f"Beside the bag the archive holds {names}, which would be lost."
        return (codes.refusal(codes.MORE_THAN_THE_BAG, message),)
    if not listed.bags and listed.guessed:
        names = _names(listed.guessed, len(listed.guessed))
        message = (
            f"Nothing in the archive says in which encoding the names of its members are; some are {names}."
        )
        return (codes.refusal(codes.NAMES_NOT_KNOWN, message),)
    return tuple(map(issue_of, listed.unkeepable))


def _refused(code: IssueCode, message: str) -> Unacceptable:
    return Unacceptable((codes.refusal(code, message),))


def _names(named: Collection[str], count: int) -> str:
    more = f" and {count - len(named):,} more" if count > len(named) else ""
    return ", ".join(f"'{name}'" for name in named) + more


def _name(drop: Path) -> str:
    return quoted(drop.name)


def _is(kind: int, path: Path) -> bool:
    """Say whether what is at ``path`` is of that kind. Raises ``OSError`` where it cannot be looked at."""
    try:
        with folder_of(path.parent, path.name) as (folder, name):
            return stat.S_IFMT(os.lstat(name, dir_fd=folder).st_mode) == kind
    except FileNotFoundError:
        return False


def _holds_anything(folder: Path) -> bool:
    """Say whether there is anything but folders in it; what cannot be listed is left to the survey."""
    for _, entry in entries_of(folder):
        if isinstance(entry, OSError):
            if not isinstance(entry, PermissionError) and entry.errno != errno.ENAMETOOLONG:
                raise entry
            return True
        if not entry.is_dir(follow_symlinks=False):
            return True
    return False
