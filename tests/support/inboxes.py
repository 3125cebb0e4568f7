"""Inboxes, terms and looks for tests of when a drop is complete."""

from __future__ import annotations

from support.policies import a_policy

from preservation.model.paths import RelativePath
from preservation.settling.settle import Questions
from preservation.settling.tally import Look, TreeSignature
from preservation.settling.terms import SettlingTerms, settling_terms


def terms(*lines: str) -> SettlingTerms:
    """The terms of a policy with those lines in its ``[intake]``."""
    return settling_terms(a_policy("\n".join(("[intake]", *lines, ""))))


def a_look(  # noqa: PLR0913  each is one thing that a look can find
    signature: int = 1,
    *,
    files: int = 3,
    size: int = 3_000,
    is_folder: bool = True,
    has_content: bool = True,
    temporary: str | None = None,
    temporaries: int = 0,
    fault: str = "",
    manifests: int = 0,
    metadata: int = 0,
) -> Look:
    """A look at ``sheet-012`` that found a whole drop, unless told otherwise."""
    return Look(
        name="sheet-012",
        signature=TreeSignature(signature),
        is_folder=is_folder,
        files=files,
        bytes=size,
        has_content=has_content,
        temporary=RelativePath(temporary) if temporary else None,
        temporaries=temporaries or int(temporary is not None),
        manifests=manifests,
        metadata=metadata,
        fault=fault,
    )


def answers(lacking: str = "", held: str | None = None) -> Questions:
    """Answers to what is asked last; by default they speak for the drop."""
    return Questions(lambda: lacking, lambda: None if held is None else RelativePath(held))
