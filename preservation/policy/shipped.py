"""The policies that come with Muniment, to be copied and edited."""

from collections.abc import Mapping
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from types import MappingProxyType


def shipped_policies() -> Mapping[str, bytes]:
    """Return the shipped policy files, and the JSON Schema that their first line names, by file name."""
    return MappingProxyType(
        {
            entry.name: entry.read_bytes()
            for entry in sorted(_folder().iterdir(), key=lambda entry: entry.name)
            if entry.name.endswith((".toml", ".json"))
        }
    )


def _folder() -> Traversable:
    # A wheel carries the policies inside the package; the source tree keeps them where archivists look.
    installed = files("preservation.policy") / "shipped"
    return installed if installed.is_dir() else Path(__file__).parents[2] / "policies"
