"""The whole error tree.

A verdict about content is a value. An exception means that we could not decide or act::

    PreservationError            exit  retryable
    ├─ ConfigurationError         2    no     the operator must change a setting or a policy
    ├─ UnacceptableContentError   3    no     will be just as wrong tomorrow
    ├─ IntegrityError             4    no     bytes we hold are not the bytes we promised
    │  └─ SourceChangedError           no     the drop is no longer what was surveyed
    ├─ ToolError                  5    no
    │  ├─ ToolMissingError             no     the program is not installed
    │  └─ ToolFailedError              no     it ran and failed
    └─ StorageError               6    by kind
       ├─ NotFoundError                no     there is nothing under that key
       ├─ AlreadyExistsError           no     stores only create
       ├─ DeniedError                  no     credentials or permissions
       ├─ StoreFullError               yes    no space left
       └─ UnavailableError             yes    it may well answer later

Every message names the object and the file and says what to do next. Vendor exceptions are
translated where they arise, with the original as ``__cause__``.
"""

from typing import ClassVar


def reason_of(error: BaseException) -> str:
    """Return what ``error`` says, in one line; the name of its kind where it says nothing."""
    return " ".join(str(error).split()) or type(error).__name__


def fault_of(error: Exception) -> str:
    """Return what ``error`` says, and its kind where it is neither ours nor the system's."""
    if isinstance(error, (PreservationError, OSError)):
        return reason_of(error)
    return f"an unexpected {type(error).__name__} in Muniment itself: {reason_of(error)}"


class PreservationError(Exception):
    """We could not decide or act. The message is a sentence for a person.

    ``retryable`` says whether the same act may succeed later without any change by a person;
    ``exit_code`` is what the command ends with.
    """

    retryable: ClassVar[bool] = False
    exit_code: ClassVar[int] = 1


class ConfigurationError(PreservationError):
    """A setting or a policy is wrong. Carries every fault found, not only the first.

    ``faults`` is a tuple of sentences, each naming its file and its place in it.
    """

    exit_code = 2

    def __init__(self, message: str, faults: tuple[str, ...] = ()) -> None:
        super().__init__("\n  ".join((message, *faults)))
        self.faults = faults


class UnacceptableContentError(PreservationError):
    """Content that cannot be processed at all, today or tomorrow."""

    exit_code = 3


class IntegrityError(PreservationError):
    """Bytes that we hold are not the bytes that were promised."""

    exit_code = 4


class SourceChangedError(IntegrityError):
    """A file is gone, cannot be read, or is another than it was when it was surveyed."""


class ToolError(PreservationError):
    """An external program or a caged worker is missing, or failed."""

    exit_code = 5


class ToolMissingError(ToolError):
    """The program is not installed; the message names the package that has it."""


class ToolFailedError(ToolError):
    """The program ran and reported failure."""


class StorageError(PreservationError):
    """A store, the catalogue or the journal could not do what was asked."""

    exit_code = 6


class NotFoundError(StorageError):
    """There is nothing under that key."""


class AlreadyExistsError(StorageError):
    """There is something under that key already, and stores only create."""


class DeniedError(StorageError):
    """Credentials or permissions do not allow it."""


class StoreFullError(StorageError):
    """No space is left; it may succeed once there is room."""

    retryable = True


class UnavailableError(StorageError):
    """No answer, or an answer that asks to come back later."""

    retryable = True
