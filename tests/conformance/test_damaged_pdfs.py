"""Sound PDFs, damaged at random as copies are: what ``qpdf --check`` flags is flagged, and more is found.

``MUNIMENT_TRIAL_PDFS`` takes so many PDFs of the corpora, four copies in each way; the table is printed.
"""

from __future__ import annotations

import io
import os
import random
import shutil
import subprocess
from collections import Counter
from pathlib import Path

import pytest
from support.damage import WAYS
from support.pdfs import images_for_pdfs, scanned_page

from preservation.screening import documents

PDFS = int(os.environ.get("MUNIMENT_TRIAL_PDFS", "12"))
COPIES = 4
QPDF = shutil.which("qpdf")


def ours(content: bytes) -> str:
    report = documents.examine({"family": "PDF", "memory": 1 << 29}, [io.BytesIO(content)], [])
    if report["fault"]:
        return "damaged"
    return "remark" if report["remarks"] else "sound"


def by_qpdf(content: bytes, scratch: Path) -> str:
    assert QPDF is not None
    scratch.write_bytes(content)
    done = subprocess.run([QPDF, "--check", scratch], capture_output=True, timeout=60, check=False)
    return {0: "sound", 2: "error", 3: "warning"}[done.returncode]


@pytest.mark.skipif(QPDF is None, reason="needs qpdf: apt-get install qpdf")
def test_nothing_that_qpdf_flags_in_damaged_copies_is_called_sound(
    corpora: Path, corpora_manifest: list[dict[str, str]], tmp_path: Path
) -> None:
    sound = [scanned_page(*image) for image in images_for_pdfs().values()]
    paths = [
        corpora / row["path"]
        for row in corpora_manifest
        if row["path"].endswith(".pdf")
        and row["kind"] in {"real", "pdfa"}
        and row["path_encoding"] == "utf-8"
    ]
    for path in paths[:: max(1, len(paths) // PDFS)][:PDFS]:
        content = path.read_bytes()
        if (
            2000 < len(content) < 600_000
            and ours(content) == by_qpdf(content, tmp_path / "it.pdf") == "sound"
        ):
            sound.append(content)
    table: Counter[tuple[str, str, str]] = Counter()
    missed = []
    for number, content in enumerate(sound):
        for way in WAYS:
            for copy in range(COPIES):
                draw = random.Random(f"{way.__name__} {number} {copy}")  # noqa: S311  the same again, no secret
                broken = way(content, draw)
                said, qpdf = ours(broken), by_qpdf(broken, tmp_path / "it.pdf")
                table[way.__name__, qpdf, said] += 1
                if said == "sound" and qpdf != "sound":
                    missed.append((way.__name__, number, copy))
    print(f"{len(sound)} PDFs, {COPIES} copies in each way; by qpdf, by us:")  # noqa: T201  a table
    for (kind, qpdf, said), count in sorted(table.items()):
        print(f"  {kind:16} {qpdf:8} {said:8} {count:5}")  # noqa: T201  likewise
    assert missed == []
    assert sum(count for (_, qpdf, said), count in table.items() if qpdf == "sound" and said == "damaged")
