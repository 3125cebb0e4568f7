"""Real and damaged images from many projects: each derivative is proved, or refused in words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.rasters import ALL_PROOFS

from preservation.model.decisions import Action, Decision, Migration, MigrationName, ProofName, RuleId
from preservation.model.derivatives import Derivative, RefusedDerivative
from preservation.model.digests import Algorithm
from preservation.model.files import SurveyedFile
from preservation.model.formats import Identification, MimeType
from preservation.model.paths import RelativePath
from preservation.normalization.normalize import PRELOAD, normalize
from preservation.tools.limits import Limits
from preservation.tools.workers import CagedWorkers

IMAGES = frozenset(
    {
        *("fmt/3", "fmt/4", "fmt/11", "fmt/12", "fmt/13", "fmt/935", "fmt/41", "fmt/42", "fmt/43", "fmt/44"),
        *("x-fmt/390", "x-fmt/391", "fmt/645", "fmt/1507", "fmt/116", "fmt/117", "fmt/119", "fmt/353"),
        *("fmt/1917", "x-fmt/392", "fmt/151", "fmt/1794", "fmt/402", "fmt/566", "fmt/567", "fmt/568"),
    }
)
"""GIF, PNG, JPEG, BMP, TIFF, JPEG 2000, TGA and WebP, as siegfried identified them."""

MIGRATIONS = {
    "TIFF, uncompressed": Migration(MigrationName("image-to-tiff"), {"compression": "none"}),
    "TIFF, LZW": Migration(MigrationName("image-to-tiff"), {"compression": "lzw"}),
    "JP2": Migration(MigrationName("image-to-jp2")),
    "JPEG for access": Migration(MigrationName("image-to-jpeg"), {"quality": 85, "long_edge": 1024}),
}
AT_LEAST_PROVED = {"TIFF, uncompressed": 183, "TIFF, LZW": 183, "JP2": 166, "JPEG for access": 260}


def decisions(rows: list[dict[str, str]], migration: Migration) -> Iterator[tuple[SurveyedFile, Decision]]:
    is_access = migration.name == "image-to-jpeg"
    for row in rows:
        path = RelativePath(row["path"])
        yield (
            SurveyedFile(path, 0, 0, {}, Identification((), None, MimeType(""))),
            Decision(
                path,
                Action.RETAIN if is_access else Action.NORMALIZE,
                RuleId("conformance"),
                "Because.",
                None if is_access else migration,
                () if is_access else tuple(ProofName(name) for name in ALL_PROOFS),
                migration if is_access else None,
            ),
        )


# Every twelfth image; all of them in make soak.
@pytest.mark.parametrize("every", [12, pytest.param(1, marks=pytest.mark.soak)])
@pytest.mark.parametrize("target", MIGRATIONS)
def test_every_image_is_proved_or_refused_with_a_reason(
    target: str, every: int, corpora: Path, corpora_manifest: list[dict[str, str]], tmp_path: Path
):
    rows = [
        row
        for row in corpora_manifest
        if IMAGES & set(row["siegfried_v125"].replace(";", " ").split()) and row["kind"] != "skeleton"
    ][::every]
    assert len(rows) > 300 / every
    figures: Counter[tuple[str, str]] = Counter()
    with CagedWorkers(Limits(), 2, PRELOAD) as workers:
        outcomes = normalize(
            decisions(rows, MIGRATIONS[target]),
            root=corpora,
            workspace=tmp_path,
            workers=workers,
            algorithms=[Algorithm.SHA256],
        )
        for row, outcome in zip(rows, outcomes, strict=True):
            assert outcome.source == row["path"]
            match outcome:
                case Derivative():
                    end = "proved"
                    assert all(proof.holds and proof.detail for proof in outcome.proofs)
                    assert outcome.size
                case RefusedDerivative():
                    end = "not proved" if outcome.proofs else "refused"
                    assert "Traceback" not in outcome.reason
                    assert "Error:" not in outcome.reason, f"{outcome.source}: {outcome.reason}"
                    assert len(outcome.reason) > 15
            figures[Path(row["path"]).suffix.lower(), end] += 1
            figures["all", end] += 1
    print(f"\n{target}: " + table(figures))  # noqa: T201  the figures are what this is run for
    # Of a part, about its share.
    share = 1 if every == 1 else 0.9 / every
    assert figures["all", "proved"] >= share * AT_LEAST_PROVED[target]


def table(figures: Counter[tuple[str, str]]) -> str:
    ends = ("proved", "not proved", "refused")
    kinds = sorted({kind for kind, _ in figures})
    lines = [f"{kind:>6} " + " ".join(f"{figures[kind, end]:>10}" for end in ends) for kind in kinds]
    return "\n".join([f"{'':>6} " + " ".join(f"{end:>10}" for end in ends), *lines])
