"""What is to be adopted, for which collection, and how much of it in one run."""

from dataclasses import dataclass
from pathlib import Path

from flows.installation.settings import FolderStoreSettings, Settings
from preservation.errors import ConfigurationError, NotFoundError
from preservation.model.identifiers import CollectionName, collection_name
from preservation.model.paths import printable


@dataclass(frozen=True, slots=True)
class AdoptionRequest:
    """The ``place`` of an old holding, and the collection that its objects are for.

    ``one`` takes it as one object, called ``name`` where given. ``budget`` is how many bytes are taken at
    most; one object that is larger is taken alone.
    """

    place: Path
    collection: CollectionName
    one: bool = False
    name: str = ""
    budget: int | None = None


def adoption_request(
    place: Path,
    collection: str,
    settings: Settings,
    *,
    one: bool = False,
    name: str = "",
    budget: int | None = None,
) -> AdoptionRequest:
    """Return the request for what lies at ``place``, whose own links are followed.

    Raises ``NotFoundError`` where nothing lies there, ``ConfigurationError`` where the options contradict
    each other or name no collection, or the place is part of this installation.
    """
    if name and not one:
        raise ConfigurationError("--as names one object; take the folder as one: --one --as NAME")
    try:
        found = place.resolve(strict=True)
        _require_foreign(found, settings)
        return AdoptionRequest(found, collection_name(collection), one, name, budget)
    except OSError as error:
        raise NotFoundError(
            f"{printable(str(place))}: there is no such folder or file ({error.strerror}); mount its disk, "
            "or check the path"
        ) from error
    except ValueError as error:
        raise ConfigurationError(f"--collection: {error}") from error


def _require_foreign(place: Path, settings: Settings) -> None:
    """Raise ``ConfigurationError`` where the place, the installation and its stores lie in each other."""
    roots = [settings.store_root(one) for one in settings.store if isinstance(one, FolderStoreSettings)]
    roots += [area.root for area in settings.areas]
    for ours in (root.resolve() for root in roots):
        if place == ours or ours in place.parents or place in ours.parents:
            raise ConfigurationError(
                f"{printable(str(place))}: {printable(str(ours))}, which belongs to this installation, lies "
                "there or around it; name a folder that has nothing of it"
            )
