"""What the Prefect UI shows of a run besides its states: the receipt, the formats, the replicas."""

import re
from collections import Counter

from prefect.artifacts import create_markdown_artifact, create_table_artifact

from flows.submission.answer import SubmissionResult
from preservation.model.amounts import byte_size
from preservation.model.verdicts import Verdict

_NOT_FOR_KEYS = re.compile(r"[^a-z0-9]+")


def publish(label: str, results: list[SubmissionResult]) -> None:
    """Publish the artifacts of a run: a few, however many drops it had."""
    slug = slug_of(label)
    receipts = [one.markdown for one in results if one.markdown]
    if receipts:
        create_markdown_artifact(
            key=f"receipt-{slug}", markdown="\n\n---\n\n".join(receipts), description=f"Receipt: {label}"
        )
    formats = _formats(results)
    if formats:
        create_table_artifact(key=f"formats-{slug}", table=formats, description=f"Formats: {label}")
    if replicas := _replicas(results):
        create_table_artifact(key=f"replicas-{slug}", table=replicas, description=f"Replicas: {label}")


def slug_of(label: str) -> str:
    """Return the ending of the keys of a run's artifacts."""
    return _NOT_FOR_KEYS.sub("-", label.lower()).strip("-")


def _replicas(results: list[SubmissionResult]) -> list[dict[str, str | int]]:
    """Return the replicas that the run made: those of what was kept already are older than it."""
    return [
        {
            "package": str(one.ending.package),
            "store": replica.store,
            "location": replica.location,
            "read back": f"{replica.verified_at:%Y-%m-%d %H:%M} UTC",
            "files": replica.files,
            "size": byte_size(replica.bytes),
            "tag manifest": one.digest,
        }
        for one in results
        if one.ending.verdict is Verdict.STORED
        for replica in one.ending.replicas
    ]


def _formats(results: list[SubmissionResult]) -> list[dict[str, str | int]]:
    """Add up the formats of all drops of the run, most frequent first."""
    files: Counter[tuple[str, str]] = Counter()
    sizes: Counter[tuple[str, str]] = Counter()
    for one in results:
        for row in one.formats:
            form = (str(row["puid"]), str(row["format"]))
            files[form] += int(row["files"])
            sizes[form] += int(row["bytes"])
    return [
        {"puid": form[0], "format": form[1], "files": count, "size": byte_size(sizes[form])}
        for form, count in files.most_common()
    ]
