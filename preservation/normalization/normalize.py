"""The stage: for every decision the derivatives it asks for, in order, each one proved or refused."""

import os
import re
from collections import deque
from collections.abc import Collection, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TypeAlias, assert_never

import msgspec

from preservation.errors import UnacceptableContentError
from preservation.files.tree import make_folders, remove_tree
from preservation.fixity.digesting import digest_stream
from preservation.model.decisions import Decision, Migration, ProofName
from preservation.model.derivatives import Derivative, Proof, Purpose, RefusedDerivative
from preservation.model.digests import Algorithm
from preservation.model.files import SurveyedFile
from preservation.model.paths import RelativePath, printable
from preservation.normalization.wire import ConversionOrder, Made
from preservation.policy.migrations import EXTENSIONS
from preservation.tools.work import Completed, Died, Exhausted, JobName, Refused, Request, WorkOutcome
from preservation.tools.workers import CagedWorkers

PRELOAD = ("preservation.normalization.jobs",)
"""What caged workers must import before they are shut in, to be handed to this stage."""

PIXEL_LIMIT = 1_000_000_000
"""Pixels a page may have where the caller gives no other limit: an A0 sheet at 600 dpi has 560 million."""

_CONVERT = JobName("preservation.normalization.jobs:convert")

_Outcome: TypeAlias = Derivative | RefusedDerivative


@dataclass(frozen=True, slots=True)
class _Wanted:
    source: RelativePath
    purpose: Purpose
    migration: Migration
    prove: tuple[ProofName, ...]
    path: RelativePath
    accept_loss: tuple[str, ...]


def normalize(
    decided: Iterable[tuple[SurveyedFile, Decision]],
    *,
    root: Path,
    workspace: Path,
    workers: CagedWorkers,
    algorithms: Collection[Algorithm],
    pixel_limit: int = PIXEL_LIMIT,
    damaged: Collection[RelativePath] = (),
) -> Iterator[_Outcome]:
    """Yield the derivatives of each decision in the order given, for preservation before access.

    Sources lie below ``root``; derivatives are left below ``workspace`` under ``preservation/`` and
    ``access/``, which are emptied first: what a killed run left there is not trusted. ``algorithms`` are
    those of the digests, taken of the bytes read back. Of sources that are ``damaged`` nothing is made for
    preservation: what a decoder puts in the place of what is lost is no picture of them. Memory grows with
    the number of derivatives by their names only.
    """
    for purpose in Purpose:
        with suppress(FileNotFoundError):
            remove_tree(workspace / purpose)
    asked_for: deque[_Wanted | RefusedDerivative] = deque()

    def requests() -> Iterator[Request]:
        for wanted in _wanted(decided, damaged):
            asked_for.append(wanted)
            if isinstance(wanted, _Wanted):
                output = workspace / wanted.purpose / wanted.path
                make_folders(output.parent)
                order = ConversionOrder(wanted.migration, wanted.prove, pixel_limit, wanted.accept_loss)
                yield Request(_CONVERT, msgspec.to_builtins(order), (root / wanted.source,), (output,))

    # Outcomes come in the order of the requests; what was refused before it was requested stands between.
    for outcome in workers.map(requests()):
        while isinstance(wanted := asked_for.popleft(), RefusedDerivative):
            yield wanted
        yield _outcome_of(wanted, outcome, workspace, algorithms)
    yield from (left for left in asked_for if isinstance(left, RefusedDerivative))


def _wanted(
    decided: Iterable[tuple[SurveyedFile, Decision]], damaged: Collection[RelativePath]
) -> Iterator[_Wanted | RefusedDerivative]:
    names = {purpose: DerivativeNames() for purpose in Purpose}
    for surveyed, decision in decided:
        asked = (
            (Purpose.PRESERVATION, decision.normalize, decision.prove, decision.accept_loss),
            (Purpose.ACCESS, decision.access, (), ()),
        )
        for purpose, migration, proofs, accepted in asked:
            if migration is None:
                continue
            if purpose is Purpose.PRESERVATION and surveyed.path in damaged:
                yield RefusedDerivative(surveyed.path, purpose, migration, "the file is damaged")
                continue
            try:
                path = names[purpose].path_for(surveyed.path, EXTENSIONS[migration.name])
            except UnacceptableContentError as error:
                yield RefusedDerivative(surveyed.path, purpose, migration, str(error))
            else:
                yield _Wanted(surveyed.path, purpose, migration, proofs, path, accepted)


def _outcome_of(
    wanted: _Wanted, outcome: WorkOutcome, workspace: Path, algorithms: Collection[Algorithm]
) -> _Outcome:
    match outcome:
        case Completed(value):
            return _settled(wanted, msgspec.convert(value, Made), workspace, algorithms)
        case Refused(reason):
            return _refused(wanted, reason)
        case Exhausted(limit, detail):
            return _refused(wanted, f"converting it needs more {limit} than is allowed ({detail})")
        case Died(detail):
            return _refused(wanted, f"the program that converts it crashed over it ({detail})")
        case _:
            assert_never(outcome)


def _settled(wanted: _Wanted, made: Made, workspace: Path, algorithms: Collection[Algorithm]) -> _Outcome:
    written = workspace / wanted.purpose / wanted.path
    if failed := [proof for proof in made.proofs if not proof.holds]:
        written.unlink()
        words = "; ".join(f"{proof.name}: {proof.detail}" for proof in failed)
        return _refused(wanted, f"it was made, and could not be proved: {words}", made.proofs)
    with written.open("rb", buffering=0) as stream:
        size, digests = digest_stream(stream, algorithms)
        # The record that will name these digests is made durable; so must be what they are of.
        os.fsync(stream.fileno())
    return Derivative(
        source=wanted.source,
        purpose=wanted.purpose,
        migration=wanted.migration,
        path=wanted.path,
        size=size,
        digests=digests,
        format_name=made.format_name,
        proofs=made.proofs,
        encoder=made.encoder,
        decoder=made.decoder,
        left_behind=made.left_behind,
        image=made.facts,
    )


def _refused(wanted: _Wanted, reason: str, proofs: tuple[Proof, ...] = ()) -> RefusedDerivative:
    return RefusedDerivative(wanted.source, wanted.purpose, wanted.migration, reason, proofs)


_EXTENSION = re.compile(r"(?<=[^/])\.[A-Za-z0-9]{1,5}$")
"""What may be taken off: a few letters and digits after the last dot, but never a whole name."""

_LONGEST_NAME_BYTES = 255


class DerivativeNames:
    """Gives out paths for the derivatives of one purpose: the same for the same sources in the same order."""

    def __init__(self) -> None:
        self._files: set[str] = set()
        self._folders: set[str] = set()

    def path_for(self, source: RelativePath, extension: str) -> RelativePath:
        """Return where the derivative of ``source`` goes: ``a.gif`` to ``a.tif``.

        Where that is taken, or a folder has the name, the old extension stays: ``a.gif.tif``. Raises
        ``UnacceptableContentError`` where no name can be had.
        """
        folders = {str(folder) for folder in PurePosixPath(source).parents} - {"."}
        if in_the_way := sorted(folders & self._files):
            raise UnacceptableContentError(
                f"its folder has the name of another file's derivative, {printable(in_the_way[0])}; "
                "rename one of the two"
            )
        for candidate in (_EXTENSION.sub("", source) + extension, source + extension):
            name = candidate.rpartition("/")[2]
            taken = candidate in self._files or candidate in self._folders
            if not taken and len(name.encode()) <= _LONGEST_NAME_BYTES:
                self._files.add(candidate)
                self._folders |= folders
                return RelativePath(candidate)
        raise UnacceptableContentError("its name is too long to take another extension; shorten it")
