"""Issues of fixity: what is wrong between a drop and the manifests that came with it."""

from collections.abc import Iterable
from typing import Final, TypeAlias

from preservation.model import amounts
from preservation.model.digests import Algorithm
from preservation.model.issues import Issue, IssueCode, Severity
from preservation.model.paths import RelativePath, is_utf8, quoted
from preservation.survey import codes

NAMED: Final = 5
"""How many files an issue about many of them names."""

Difference: TypeAlias = tuple[Algorithm, str, str]


def wrong_digest(manifest: RelativePath, path: RelativePath, differing: Iterable[Difference]) -> Issue:
    """Say that a file is not the listed one; ``differing`` holds expected and found digests."""
    figures = "; ".join(
        f"{algorithm.value} should be {expected} and is {found}" for algorithm, expected, found in differing
    )
    message = f"{quoted(path)} is not the file that {quoted(manifest)} lists: {figures}."
    next_step = (
        "Copy or scan the file again. The manifest is evidence and is not edited: if it is wrong, whoever "
        "made it makes it anew from the originals."
    )
    return Issue(codes.WRONG_DIGEST, Severity.ERROR, message, path, next_step)


def listed_but_missing(manifest: RelativePath, path: RelativePath) -> Issue:
    """Say that the drop does not have a listed file as a plain, readable file."""
    message = f"{quoted(path)} is listed in {quoted(manifest)} and is not in the drop as a readable file."
    next_step = "Add the file to the drop; if it is not to be in it, whoever made the manifest makes it anew."
    return Issue(
        codes.LISTED_BUT_MISSING, Severity.ERROR, message, path if is_utf8(path) else manifest, next_step
    )


def not_listed(manifest: RelativePath, count: int, examples: Iterable[str]) -> Issue:
    """Say that files are in no manifest, though this one lists the folder that they are in."""
    named = ", ".join(quoted(path) for path in examples)
    subject = "1 file is" if count == 1 else f"{count:,} files are"
    message = f"{subject} in the drop and not in {quoted(manifest)}: {named}{_more_than_named(count)}."
    next_step = "Make the manifest again if the files belong to the drop, or take them out of it."
    return Issue(codes.NOT_LISTED, Severity.WARNING, message, manifest, next_step)


def not_a_manifest(manifest: RelativePath, reason: str, severity: Severity) -> Issue:
    """Say that a file is named like a manifest and cannot be read as one."""
    return Issue(
        codes.NOT_UNDERSTOOD,
        severity,
        f"{quoted(manifest)} is named like a manifest and cannot be read as one: {reason}. "
        "No file was checked against it.",
        manifest,
        "Make it again with md5sum, sha256sum or hashdeep, or as a table of two columns, file and digest; "
        "or take it out of the drop.",
    )


def compares_nothing(manifest: RelativePath, severity: Severity) -> Issue:
    """Say that a manifest can be read, and that no file was compared with it."""
    return Issue(
        codes.COMPARES_NOTHING,
        severity,
        f"{quoted(manifest)} lists no file of the drop but itself, or digests that belong to no file. "
        "No file was checked against it.",
        manifest,
        "Make it again in the folder of the files; or take it out of the drop.",
    )


def no_digest(
    manifest: RelativePath, path: RelativePath, line: int, digest: str, severity: Severity
) -> Issue:
    """Say that a manifest has for a file of the drop what is no digest."""
    message = (
        f"Line {line} of {quoted(manifest)} has for {quoted(path)} what is no digest of md5, sha1, "
        f"sha256 or sha512: {quoted(digest)} ({amounts.count(len(digest), 'character')}). The file was "
        "not compared."
    )
    next_step = "Have the manifest made again where the file was made, and drop both again."
    return Issue(codes.NO_DIGEST, severity, message, path, next_step)


def lists_itself(manifest: RelativePath) -> Issue:
    """Say that a manifest has a line about itself, which was not compared."""
    message = f"{quoted(manifest)} lists itself. No file can hold its own digest: it was not compared."
    next_step = "Nothing; write the manifest outside of the folder, and move it in, if the line is to go."
    return Issue(codes.LISTS_ITSELF, Severity.INFO, message, manifest, next_step)


def too_much(manifest: RelativePath, reason: str) -> Issue:
    """Say that a manifest goes beyond what is read."""
    return Issue(
        codes.TOO_MUCH,
        Severity.QUESTION,
        f"{quoted(manifest)} goes beyond what is read of a manifest: {reason}. "
        "No file was checked against it.",
        manifest,
        "Divide the drop, or take the manifest out of it; or approve the drop, and it is kept unchecked.",
    )


def lines_not_understood(manifest: RelativePath, count: int, lines: Iterable[str]) -> Issue:
    """Say that some lines of a manifest are in no known layout."""
    named = ", ".join(lines)
    message = (
        f"{quoted(manifest)} has lines in no known layout ({count}): line {named}{_more_than_named(count)}."
    )
    next_step = "Whoever made the manifest makes it anew; it is not edited."
    return Issue(codes.NOT_UNDERSTOOD, Severity.WARNING, message, manifest, next_step)


def leads_out(manifest: RelativePath, name: str) -> Issue:
    """Say that a manifest names a file outside of the drop. Nothing there was looked at."""
    message = f"{quoted(manifest)} lists {quoted(name)}, which is outside of the drop; it was not looked at."
    next_step = "Whoever made the manifest makes it anew, inside the drop."
    return Issue(codes.LEADS_OUT, Severity.ERROR, message, manifest, next_step)


def found_elsewhere(manifest: RelativePath, prefix: str) -> Issue:
    """Say that a manifest was made in another folder, and its names found without their beginning."""
    message = (
        f"The names in {quoted(manifest)} begin with {quoted(prefix)}, which is not in the drop; "
        "the files were found without it."
    )
    next_step = "Nothing, if the manifest was made before the drop was moved."
    return Issue(codes.FOUND_ELSEWHERE, Severity.INFO, message, manifest, next_step)


def spelled_otherwise(manifest: RelativePath, count: int, examples: Iterable[str]) -> Issue:
    """Say that names are the same in manifest and drop but for their case, or how accents are encoded."""
    named = ", ".join(quoted(path) for path in examples)
    message = (
        f"{quoted(manifest)} has names that are written otherwise than in the drop, in another case or "
        f"with other accents ({count}): {named}{_more_than_named(count)}; they were matched all the same."
    )
    next_step = "Nothing; names are kept as the drop has them."
    return Issue(codes.SPELLED_OTHERWISE, Severity.INFO, message, manifest, next_step)


def more_of(manifest: RelativePath, code: IssueCode, severity: Severity, count: int) -> Issue:
    """Say how many more issues there are of one kind than are kept one by one."""
    message = f"{quoted(manifest)} has more of the same ({code}): {count}, not shown one by one."
    next_step = "Mend the ones that are named; check the drop with the manifest again to see the others."
    return Issue(code, severity, message, manifest, next_step)


def _more_than_named(count: int) -> str:
    return " …" if count > NAMED else ""
