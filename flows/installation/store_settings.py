"""Settings of the places where drops come from and packages go: areas, collections, stores, buckets."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from flows.installation.settings_section import NAME, Section
from preservation.model.identifiers import IDENTITY_PATTERN, collection_name


class AreaSettings(Section):
    """A directory besides the installation's own, such as a share, in which drops arrive and are answered."""

    path: Path


class CollectionSettings(Section):
    """One collection and the policy that governs it, all of it. ``at_a_time`` runs of it may be under way."""

    name: Annotated[str, AfterValidator(collection_name)]
    policy: Path
    at_a_time: int = Field(default=0, ge=0, le=64)


class _StoreSettings(Section):
    """A store. Two stores have different ``site`` where no one disaster reaches both.

    ``identity`` is what ``muniment stores init`` gave it: another one there, or none, is another place.
    ``rehearsal`` is for a store that holds copies alone: what is in it may be damaged or emptied on purpose.
    A ``retired`` one is read, and no further package is written into it.
    """

    name: str = Field(pattern=NAME)
    identity: str | None = Field(default=None, pattern=IDENTITY_PATTERN)
    site: str = Field(min_length=1)
    provider: str = ""
    media: str = ""
    rehearsal: bool = False
    retired: bool = False


class FolderStoreSettings(_StoreSettings):
    """A folder as a store; a relative path is below the installation.

    ``readers`` may read what is kept from now on: the owner, its group, or all accounts.
    """

    kind: Literal["folder"]
    path: Path
    readers: Literal["owner", "group", "all"] = "group"


class BucketSettings(Section):
    """Where a bucket of a service that speaks S3 is. The bucket must be there.

    Credentials are no settings: they come from the environment, or from ``profile`` in the AWS
    configuration files. Without ``endpoint_url`` the service is Amazon's own. ``connections`` may be
    open at a time.
    """

    bucket: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{1,61}[A-Za-z0-9]$")
    prefix: str = Field(default="", max_length=200, pattern=r"^([^/]+(/[^/]+)*)?$")
    endpoint_url: str = Field(default="", pattern=r"^(https?://[^/\s]+(/\S*)?)?$")
    region: str = ""
    addressing: Literal["auto", "path", "virtual"] = "auto"
    profile: str = ""
    connections: int = Field(default=16, ge=1, le=256)


class S3StoreSettings(_StoreSettings, BucketSettings):
    """A bucket as a store."""

    kind: Literal["s3"]


class BucketInboxSettings(BucketSettings):
    """A bucket that drops arrive in, below ``inbox/<collection>/``, and that they are answered in.

    It is listed every ``poll`` seconds, or as much less often as keeps that below a hundredth of a core.
    """

    name: str = Field(pattern=NAME)
    poll: float = Field(default=30, ge=1, le=3600)


StoreSettings = Annotated[FolderStoreSettings | S3StoreSettings, Field(discriminator="kind")]
