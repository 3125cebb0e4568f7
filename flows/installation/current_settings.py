"""The settings of a service that runs for days: collections that are added to the file count at once."""

import threading

from flows.installation.log import LOG
from flows.installation.settings import FILE_NAME, Settings
from flows.installation.settings_file import load_settings
from preservation.errors import ConfigurationError


class CurrentSettings:
    """Reads the collections again when ``muniment.toml`` was changed; all else counts from the next start."""

    def __init__(self, settings: Settings) -> None:
        self.file = settings.directory / FILE_NAME
        self._settings = settings
        self._mark = self._look()
        self._lock = threading.Lock()

    @property
    def are_outdated(self) -> bool:
        """Whether the file was changed since it was read."""
        return self._look() not in {None, self._mark}

    def now(self) -> Settings:
        """Return the settings. While the file has a fault, they are those from before. Raises nothing."""
        with self._lock:
            mark = self._look()
            if mark is not None and mark != self._mark:
                self._mark = mark
                try:
                    found = load_settings(self._settings.directory)
                except ConfigurationError as error:
                    LOG.warning(
                        "the collections are those from before, since the settings are faulty: %s", error
                    )
                else:
                    collections = {
                        "collection": found.collection,
                        "default_policy": found.default_policy,
                    }
                    self._settings = self._settings.model_copy(update=collections)
            return self._settings

    def _look(self) -> tuple[int, ...] | None:
        try:
            found = self.file.stat()
        except OSError:
            return None
        return found.st_ino, found.st_mtime_ns, found.st_size
