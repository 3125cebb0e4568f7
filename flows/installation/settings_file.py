"""The only place where the environment and ``muniment.toml`` are read.

An installation is one directory. Every setting can be overridden by an environment variable:
``MUNIMENT_DATABASE__URL`` overrides ``url`` in ``[database]``. Every fault is reported at once, with
its place in the file.
"""

import os
import stat
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from flows.installation.log import LOG
from flows.installation.settings import FILE_NAME, STATE, Settings
from preservation.errors import ConfigurationError
from preservation.files.durable import written_whole
from preservation.model.identifiers import StoreIdentity, StoreName
from preservation.model.paths import printable

HOME_VARIABLE = "MUNIMENT_HOME"
_OVERRIDE_PREFIX = "MUNIMENT_"
_OVERRIDE_SEPARATOR = "__"


class NoInstallationError(ConfigurationError):
    """There is no installation here, and none was named."""


def find_installation(directory: Path | None) -> Path:
    """Return the installation's directory.

    It is the one given, ``MUNIMENT_HOME``, the nearest one upwards, or the only one directly below. A
    directory that is not named counts only if ``state/`` is beside its settings: a sample of settings is no
    installation. Raises ``NoInstallationError`` where there is none, ``ConfigurationError`` where the
    named one is none, or where more than one is below.
    """
    named = directory or (Path(os.environ[HOME_VARIABLE]) if os.environ.get(HOME_VARIABLE) else None)
    if named is not None:
        if not (named / FILE_NAME).is_file():
            raise ConfigurationError(
                f"{named}: no {FILE_NAME} is here; make an installation with: muniment init {named}"
            )
        return named.resolve()
    here = Path.cwd()
    for candidate in (here, *here.parents):
        if _is_installation(candidate):
            return candidate
    below = sorted(path.parent for path in here.glob(f"*/{FILE_NAME}") if _is_installation(path.parent))
    if len(below) == 1:
        return below[0].resolve()
    if below:
        names = ", ".join(printable(directory.name) for directory in below)
        raise ConfigurationError(f"{here}: several installations are here ({names}); name one with -C DIR")
    raise NoInstallationError(
        f"{here}: this is not in a Muniment installation; name one with -C DIR or {HOME_VARIABLE}, "
        "or make one with: muniment init DIR"
    )


def _is_installation(directory: Path) -> bool:
    return (directory / FILE_NAME).is_file() and (directory / STATE).is_dir()


def load_settings(directory: Path | None = None) -> Settings:
    """Read the installation's settings, overrides applied.

    Raises ``ConfigurationError`` with every fault, each with its place in the file; and in a process in which
    names are not UTF-8, since it would write them wrongly to manifests.
    """
    if sys.getfilesystemencoding() != "utf-8":
        raise ConfigurationError(
            f"Python reads the names of files as {sys.getfilesystemencoding()} here, and Muniment keeps them "
            "as UTF-8; set PYTHONUTF8=1 in the environment of this process and start it again"
        )
    home = find_installation(directory)
    file = home / FILE_NAME
    try:
        text = file.read_text(encoding="utf-8")
        content = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigurationError(f"{file}: not TOML: {error}") from error
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{file}: cannot be read: {error}") from error
    content = _without_retired(_overridden(content), file)
    try:
        return Settings.model_validate({**content, "directory": home})
    except ValidationError as error:
        faults = tuple(_faults_in(text, error))
        raise ConfigurationError(
            f"{file}: {len(faults)} fault{'s' if len(faults) > 1 else ''}", faults
        ) from error


def write_store_identity(settings: Settings, store: StoreName, identity: StoreIdentity) -> bool:
    """Write the identity of a store into its ``[[store]]`` and nothing else; return whether it is there.

    It is not written where the file may not be, or where the stores are not written as ``[[store]]`` tables.
    """
    # Where it is a link, what it leads to is written.
    file = (settings.directory / FILE_NAME).resolve()
    try:
        text = file.read_text(encoding="utf-8")
        tables = tomllib.loads(text)["store"]
        wanted = [
            {**table, "identity": identity} if table.get("name") == store else table for table in tables
        ]
        if wanted == tables:
            return True
        place = [table.get("name") for table in tables].index(store)
        lines = text.splitlines(keepends=True)
        headers = [number for number, line in enumerate(lines) if line.split("#")[0].strip() == "[[store]]"]
        table = range(headers[place] + 1, [*headers, len(lines)][place + 1])
        keys = {lines[number].partition("=")[0].strip(): number for number in reversed(table)}
        at = keys.get("identity", keys["name"] + 1)
        lines[at : at + ("identity" in keys)] = [f'identity = "{identity}"\n']
        changed = "".join(lines)
        if tomllib.loads(changed) != {**tomllib.loads(text), "store": wanted}:
            return False
        mode = stat.S_IMODE(file.stat().st_mode)
        with written_whole(file) as sink:
            os.fchmod(sink.fileno(), mode)
            sink.write(changed.encode("utf-8"))
    except (OSError, ValueError, LookupError):
        return False
    return True


def _without_retired(content: dict[str, object], file: Path) -> dict[str, object]:
    """Leave out settings of earlier versions, with a warning: an upgrade must not stop the service."""
    work = content.get("work")
    if not isinstance(work, dict) or "task_runner" not in work:
        return content
    LOG.warning("%s: [work] task_runner is ignored, as it always was; take the line out", file)
    return {**content, "work": {key: value for key, value in work.items() if key != "task_runner"}}


def _overridden(content: dict[str, object]) -> dict[str, object]:
    """Apply variables such as ``MUNIMENT_DATABASE__URL`` to the sections of the file."""
    result = dict(content)
    for variable, value in os.environ.items():
        section, separator, key = variable.removeprefix(_OVERRIDE_PREFIX).partition(_OVERRIDE_SEPARATOR)
        if not variable.startswith(_OVERRIDE_PREFIX) or not separator:
            continue
        current = result.get(section.lower(), {})
        if isinstance(current, dict):
            result[section.lower()] = {**current, key.lower(): value}
    return result


def _faults_in(text: str, error: ValidationError) -> Iterator[str]:
    """Yield every fault that pydantic found in the file whose text is ``text``."""
    for fault in _own_faults(error):
        yield f"{_place(text, fault['loc'])}: {_sentence(fault['type'], fault['msg'])}"


def _own_faults(error: ValidationError) -> list[ErrorDetails]:
    """Return the user's faults. Pydantic also reports a list without a valid member as too short."""
    faults = error.errors()
    within = {fault["loc"][:1] for fault in faults if len(fault["loc"]) > 1}
    return [fault for fault in faults if fault["type"] != "too_short" or fault["loc"] not in within]


def _sentence(kind: str, message: str) -> str:
    if kind in _SENTENCES:
        return _SENTENCES[kind]
    plain = message.removeprefix("Value error, ").replace("Input should be", "it must be")
    return plain[:1].lower() + plain[1:]


_SENTENCES = {
    "extra_forbidden": "there is no such setting; docs/settings.md lists those there are",
    "missing": "it is required and missing",
    "too_short": "at least one is required",
    "string_too_short": "it must not be empty",
    "string_type": "it must be text in quotes",
    "path_type": "it must be a path, in quotes",
    "bool_type": "it must be true or false",
    "union_tag_not_found": "its kind is required and missing",
}
"""Plain sentences for pydantic's messages, by its names for faults."""


def _place(text: str, location: tuple[int | str, ...]) -> str:
    """Return the setting's name in the file, with its line where it can be found."""
    if location[:1] == ("store",):
        # Pydantic puts the kind of a store between the store and its setting.
        location = (*location[:2], *location[3:])
    name = ".".join(str(part) for part in location) or "the whole file"
    line = _line_of(text.splitlines(), location)
    return f"line {line}: {name}" if line else name


def _line_of(lines: list[str], location: tuple[int | str, ...]) -> int | None:
    """Find the line of the innermost named part, section by section and table by table."""
    start, found = 0, None
    for position, part in enumerate(location):
        if isinstance(part, int):
            continue
        following = location[position + 1] if position + 1 < len(location) else None
        nth = following if isinstance(following, int) else 0
        candidates = [
            number
            for number, line in enumerate(lines[start:], start)
            # The last part of [alarms.mail].
            if line.strip().strip("[]").split("=")[0].strip().rpartition(".")[2] == part
        ]
        if nth < len(candidates):
            start = candidates[nth]
            found = start + 1
    return found
