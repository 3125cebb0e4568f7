"""The certificate of a drill: one page to print, that says what was seen and what was not."""

from collections import Counter
from dataclasses import dataclass
from typing import Final

from flows.archive.drills.record import DrillChoice, DrillReason, DrillRecord, DrillVerdict
from flows.archive.pages.rendering import rendered_page
from preservation.model.amounts import byte_size, count

WORDS: Final = {
    DrillVerdict.RESTORED: "restored",
    DrillVerdict.NOT_RENDERED: "restored, some does not open",
    DrillVerdict.DAMAGED: "damaged",
    DrillVerdict.NOT_RESTORED: "not restored",
}
"""Each verdict, for people."""

_HEADLINES: Final = {
    DrillVerdict.RESTORED: "Restored as it was kept",
    DrillVerdict.NOT_RENDERED: "Restored; some of it does not open",
    DrillVerdict.DAMAGED: "Damage was found",
    DrillVerdict.NOT_RESTORED: "Not restored",
}

_WEIGHTS: Final = {
    "age": "how long it was neither read nor drilled",
    "size": "its size",
    "format": "a rare format in it",
    "store": "a store that was not drilled lately",
}


@dataclass(frozen=True, slots=True)
class CertificateFigure:
    """A figure at the top of the page."""

    label: str
    value: str


def certificate_page(record: DrillRecord) -> bytes:
    """Return the certificate as a page that stands for itself."""
    whole = [one for one in record.replicas if one.verdict.is_whole]
    unseen: Counter[str] = Counter()
    for one in whole:
        # Every store has the same version: the reasons are the same ones.
        unseen |= Counter(one.rendered.unseen)
    stores = f"{len(whole)} of {len(record.replicas)}"
    figures = [CertificateFigure("stores it came out of, whole", stores)]
    if whole:
        figures += [
            CertificateFigure("files compared, from each of these", f"{whole[0].files:,}"),
            CertificateFigure("bytes compared, from each of these", byte_size(whole[0].bytes)),
            CertificateFigure("pages and pictures opened", f"{max(one.rendered.pages for one in whole):,}"),
        ]
    return rendered_page(
        "certificate.html.j2",
        record=record,
        headline=_HEADLINES[record.verdict],
        figures=figures,
        words=WORDS,
        unseen=unseen.most_common(),
        chosen=chosen_sentence(record.choice),
        object=record.package.rpartition("/")[0],
    )


def chosen_sentence(choice: DrillChoice) -> str:
    """Return how a version was chosen, in sentences."""
    if choice.reason is DrillReason.NAMED:
        return "A user named it."
    drawn = f"among {count(choice.considered, 'replica')}, with the seed {choice.seed}"
    if choice.reason is DrillReason.LARGEST:
        return f"As the largest version, those that were not drilled yet before the others, {drawn}."
    weights = ", ".join(f"{_WEIGHTS.get(name, name)} {weight:g}" for name, weight in choice.weights.items())
    return f"At random {drawn}. The weight was the product of: {weights}."
