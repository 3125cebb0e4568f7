"""What a drop is: a folder, a file, a bag, or a bag in an archive, which is unpacked."""

import errno
import stat
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from preservation.archives.members import UnpackLimits
from preservation.archives.walking import archive_kind
from preservation.bagit.declaration import BAGIT_TXT
from preservation.bagit.serialized import SerializedBag, read_serialized
from preservation.bagit.source import PAYLOAD
from preservation.errors import DeniedError, NotFoundError, UnavailableError
from preservation.intake import codes
from preservation.intake.unpack import unpack
from preservation.long_paths import entries_of
from preservation.model.issues import Issue, IssueCode
from preservation.model.paths import RelativePath, printable
from preservation.model.submissions import DropKind, Received

_UNPACKED = "unpacked"
_NAMED = 5


@dataclass(frozen=True, slots=True)
class Unacceptable:
    """A drop that cannot be accepted as it is, and why. Nothing of it was changed."""

    issues: tuple[Issue, ...]


def recognise(drop: Path, workspace: Path, limits: UnpackLimits) -> Received | Unacceptable:
    """Say what ``drop`` is and where its payload lies.

    A bag in a zip or tar archive is unpacked to ``workspace/unpacked``, from the beginning if it was
    before; any other archive is kept as the file that it is, if it is harmless. Raises
    ``NotFoundError`` where there is no drop, ``DeniedError`` and ``UnavailableError`` where it cannot
    be read, and ``StoreFullError`` where there is no room to unpack it.
    """
    try:
        return _recognised(drop, workspace, limits)
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
        raise UnavailableError(
            f"The drop {printable(str(drop))} cannot be read ({failure.strerror}); check its disk."
        ) from failure


def _recognised(drop: Path, workspace: Path, limits: UnpackLimits) -> Received | Unacceptable:
    mode = drop.lstat().st_mode
    if stat.S_ISDIR(mode):
        return _recognised_folder(drop)
    if stat.S_ISREG(mode):
        return _recognised_file(drop, workspace, limits)
    if stat.S_ISLNK(mode):
        return _refused(codes.DROP_IS_LINK, f"The drop {_name(drop)} is a symbolic link to something else.")
    return _refused(codes.DROP_IS_NO_FILE, f"The drop {_name(drop)} is neither a file nor a folder.")


def _recognised_folder(folder: Path) -> Received | Unacceptable:
    if _is_file(folder / BAGIT_TXT):
        return _recognised_bag(folder, folder, DropKind.BAG)
    if not _holds_anything(folder):
        return _refused(codes.NOTHING_IN_IT, f"There is nothing in the drop {_name(folder)}.")
    return Received(DropKind.FOLDER, folder)


def _recognised_bag(drop: Path, root: Path, kind: DropKind) -> Received | Unacceptable:
    payload, bag = root / PAYLOAD, f"The drop {_name(drop)} is a bag"
    if payload.is_symlink() or not payload.is_dir():
        return _refused(codes.NO_PAYLOAD_FOLDER, f"{bag} without a payload folder, data.")
    if not _holds_anything(payload):
        return _refused(codes.NOTHING_IN_IT, f"{bag}, and there is nothing in its payload folder, data.")
    return Received(kind, payload, bag_root=root)


def _recognised_file(file: Path, workspace: Path, limits: UnpackLimits) -> Received | Unacceptable:
    as_file = Received(DropKind.FILE, file.parent, only=RelativePath(file.name))
    kind = archive_kind(file)
    if kind is None:
        return as_file
    bag = read_serialized(file, kind, limits)
    if bag.harmful.issues:
        return Unacceptable(bag.harmful.issues)
    if not bag.bag_folders:
        return as_file
    issues = _obstacles(bag)
    if issues:
        return Unacceptable(issues)
    target = workspace / _UNPACKED
    issue = unpack(file, kind, bag, target, limits)
    if issue is not None:
        return Unacceptable((issue,))
    return _recognised_bag(file, target / bag.base, DropKind.SERIALIZED_BAG)


def _obstacles(bag: SerializedBag) -> tuple[Issue, ...]:
    bags = bag.bag_folders
    if len(bags) > 1:
        return (codes.refusal(codes.SEVERAL_BAGS, f"The archive holds {len(bags)} bags: {_names(bags)}."),)
    if bag.beside:
        message = f"Beside the bag the archive holds {_names(bag.beside)}, which would be lost."
        return (codes.refusal(codes.MORE_THAN_THE_BAG, message),)
    return bag.unkeepable.issues


def _refused(code: IssueCode, message: str) -> Unacceptable:
    return Unacceptable((codes.refusal(code, message),))


def _names(names: Iterable[str]) -> str:
    listed = sorted(names)
    more = f" and {len(listed) - _NAMED:,} more" if len(listed) > _NAMED else ""
    return ", ".join(f"'{printable(name)}'" for name in listed[:_NAMED]) + more


def _name(drop: Path) -> str:
    return f"'{printable(drop.name)}'"


def _is_file(path: Path) -> bool:
    return path.is_file() and not path.is_symlink()


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
