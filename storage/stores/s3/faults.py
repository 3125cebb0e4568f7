"""From an S3 service's errors to ours: which store, which key, and what to do next."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from http import HTTPStatus

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    CredentialRetrievalError,
    NoCredentialsError,
    PartialCredentialsError,
    ProfileNotFound,
    SSLError,
    UnauthorizedSSOTokenError,
)
from botocore.parsers import ResponseParserError

from preservation.errors import DeniedError, StorageError, StoreFullError, UnavailableError
from preservation.model.identifiers import StoreName
from preservation.model.paths import printable

_KEYS = (DeniedError, "see that the access key and its secret are right, and not expired")
_PERMISSION = (
    DeniedError,
    "let this access key list the bucket, and get, put and delete in it, then run it again",
)
_CLOCK = (
    DeniedError,
    "the clocks of this machine and of the service differ too much: set this one's (NTP), then run it again",
)
_REGION = (DeniedError, "set its region, and its endpoint_url, to where the bucket is")
_NO_BUCKET = (
    UnavailableError,
    "make the bucket, or mend its name or the endpoint_url in muniment.toml; Muniment makes no bucket",
)
_FULL = (StoreFullError, "make room or raise the quota, then run it again")
_NAME = (DeniedError, "the service cannot hold such a name; keep the package in another store")
_BUSY = (UnavailableError, "the service is busy: run it again later")
_UNKNOWN = (
    DeniedError,
    "look this answer up in the manual of the service, and correct the settings in muniment.toml",
)
_UNREACHED = (UnavailableError, "see that the service runs and endpoint_url leads to it, then run it again")
_CERTIFICATE = (
    DeniedError,
    (
        "the service has no certificate that this machine trusts: give the file of the authority that "
        "signed it in AWS_CA_BUNDLE, or as ca_bundle of the profile; if it is given, see what answers"
    ),
)
_CHANGED = (
    UnavailableError,
    (
        "the bytes were changed on the way, and were not kept: run it again; where it happens again, see "
        "that the network and the memory of both machines are sound"
    ),
)
_NO_S3 = (UnavailableError, "what answered does not speak S3: see that endpoint_url leads to the service")
_CREDENTIALS = (
    DeniedError,
    "give AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY in the environment, or name a profile that has them",
)

_MEANING: dict[str, tuple[type[StorageError], str]] = {
    "InvalidAccessKeyId": _KEYS,
    "SignatureDoesNotMatch": _KEYS,
    "ExpiredToken": _KEYS,
    "InvalidToken": _KEYS,
    "AccessDenied": _PERMISSION,
    "AllAccessDisabled": _PERMISSION,
    "RequestTimeTooSkewed": _CLOCK,
    "RequestExpired": _CLOCK,
    "AuthorizationHeaderMalformed": _REGION,
    "PermanentRedirect": _REGION,
    "IllegalLocationConstraintException": _REGION,
    "NoSuchBucket": _NO_BUCKET,
    "QuotaExceeded": _FULL,
    "EntityTooLarge": _FULL,
    "InsufficientStorage": _FULL,
    "XMinioStorageFull": _FULL,
    "KeyTooLongError": _NAME,
    "InvalidObjectName": _NAME,
    "BadDigest": _CHANGED,
    "XAmzContentSHA256Mismatch": _CHANGED,
    "XAmzContentChecksumMismatch": _CHANGED,
    "SlowDown": _BUSY,
    "RequestTimeout": _BUSY,
    "InternalError": _BUSY,
}
_MEANING_OF_STATUS: dict[int, tuple[type[StorageError], str]] = {
    HTTPStatus.MOVED_PERMANENTLY: _REGION,
    HTTPStatus.TEMPORARY_REDIRECT: _REGION,
    HTTPStatus.UNAUTHORIZED: _KEYS,
    HTTPStatus.FORBIDDEN: _PERMISSION,
    HTTPStatus.REQUEST_TIMEOUT: _BUSY,
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: _FULL,
    HTTPStatus.TOO_MANY_REQUESTS: _BUSY,
    HTTPStatus.INSUFFICIENT_STORAGE: _FULL,
}

_MOST_APART = timedelta(minutes=15)
"""How far apart the clocks of a client and of a service may be (Amazon S3, RequestTimeTooSkewed)."""

_WITHOUT_CREDENTIALS = (
    NoCredentialsError,
    PartialCredentialsError,
    CredentialRetrievalError,
    ProfileNotFound,
    UnauthorizedSSOTokenError,
)


def status_of(error: ClientError) -> int:
    """Return the HTTP status of an answer that is an error."""
    return error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)


def is_absence(error: ClientError) -> bool:
    """Return whether the service answered that nothing is under that key."""
    # To HEAD a service answers with a status alone, whether it is the key that is missing or the bucket.
    return error.response["Error"].get("Code") in {"NoSuchKey", "404"}


def is_taken(error: ClientError) -> bool:
    """Return whether the service refused because of If-None-Match: 412, or 409 in the midst of a race."""
    return status_of(error) in {HTTPStatus.PRECONDITION_FAILED, HTTPStatus.CONFLICT}


def is_mismatch(error: ClientError) -> bool:
    """Return whether the service refused because it holds another object (If-Match)."""
    return status_of(error) == HTTPStatus.PRECONDITION_FAILED


def translated(
    error: Exception, store: StoreName, act: str, name: str, kind_of_place: str = "store"
) -> StorageError:
    """Return the ``StorageError`` for a failed act, such as ``create`` on the key ``name``."""
    if isinstance(error, ClientError):
        (kind, next_step), reason = _meaning(error), _answer(error)
    else:
        (kind, next_step), reason = _failure(error), str(error)
    return kind(f"{kind_of_place} {store}: cannot {act} {printable(name)}: {printable(reason)}; {next_step}")


@contextmanager
def translating(store: StoreName, act: str, name: str, kind_of_place: str = "store") -> Iterator[None]:
    """Turn what botocore raises within into the ``StorageError`` that names store, act and name."""
    try:
        yield
    except (ClientError, BotoCoreError, ResponseParserError) as error:
        raise translated(error, store, act, name, kind_of_place) from error


def _meaning(error: ClientError) -> tuple[type[StorageError], str]:
    status = status_of(error)
    known = _MEANING.get(error.response["Error"].get("Code", ""))
    if known is None and status == HTTPStatus.FORBIDDEN and _clocks_differ(error):
        known = _CLOCK
    known = known or _MEANING_OF_STATUS.get(status)
    if known is not None:
        return known
    return _BUSY if status >= HTTPStatus.INTERNAL_SERVER_ERROR else _UNKNOWN


def _clocks_differ(error: ClientError) -> bool:
    """Compare the clocks by the time of the answer: to HEAD a service gives a status and no reason."""
    answered = error.response.get("ResponseMetadata", {}).get("HTTPHeaders", {}).get("date", "")
    try:
        apart = datetime.now(UTC) - parsedate_to_datetime(answered)
    except (TypeError, ValueError):
        # Without a date, or with one that has no zone, they cannot be compared.
        return False
    return abs(apart) > _MOST_APART


def _failure(error: Exception) -> tuple[type[StorageError], str]:
    if isinstance(error, _WITHOUT_CREDENTIALS):
        return _CREDENTIALS
    if isinstance(error, SSLError):
        return _CERTIFICATE
    return _NO_S3 if isinstance(error, ResponseParserError) else _UNREACHED


def _answer(error: ClientError) -> str:
    answer = error.response["Error"]
    message = answer.get("Message") or ""
    return f"the service answered {status_of(error)} {answer.get('Code', '')}" + (
        f" ({message})" if message else ""
    )
