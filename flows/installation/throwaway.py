"""An installation that holds nothing and is removed after use: for looking at files where there is none."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from flows.installation.settings import STATE, Settings
from flows.installation.store_settings import FolderStoreSettings
from flows.installation.wiring import Installation, open_installation
from preservation.policy.schema_files import SchemaFile, write_schemas

_POLICY: Final = "policy/policy.toml"


@contextmanager
def throwaway_installation(
    policy: bytes, drops: tuple[Path, ...], schemas: tuple[SchemaFile, ...] = ()
) -> Iterator[Installation]:
    """Open an installation in which ``policy`` governs every collection, for as long as the context lasts.

    It lies in the system's folder for temporary files. Its one store is never made, so nothing can be kept.
    ``schemas`` are those that the policy names.
    ``drops`` are what may be identified. Raises ``ConfigurationError`` where the policy is not sound.
    """
    with tempfile.TemporaryDirectory(prefix="muniment-") as folder:
        directory = Path(folder).resolve()
        (directory / STATE).mkdir()
        # In a folder of their own: a schema may be called as anything else here is.
        place = directory / _POLICY
        place.parent.mkdir()
        place.write_bytes(policy)
        write_schemas(schemas, place.parent)
        store = FolderStoreSettings(name="none", site="none", kind="folder", path=directory / "none")
        settings = Settings(directory=directory, default_policy=Path(_POLICY), store=(store,))
        with open_installation(settings, (directory, *drops), throwaway=True) as opened:
            yield opened
