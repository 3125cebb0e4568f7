"""A worker that has become nobody can import nothing any more: the jobs must have all they need before."""

from __future__ import annotations

import json
import subprocess
import sys

_PROGRAM = """
import encodings, importlib, io, json, pkgutil, sys
from support import images as building_images, pdfs as building_pdfs
from preservation.screening.examiners import JOB_MODULES
from preservation.rasters.families import Family

for module in JOB_MODULES:
    importlib.import_module(module)
for module in pkgutil.iter_modules(encodings.__path__):
    try:
        importlib.import_module(f"encodings.{module.name}")
    except ImportError:
        pass
families = {
    "tif": Family.TIFF, "jpg": Family.JPEG, "png": Family.PNG, "gif": Family.GIF, "bmp": Family.BMP,
    "jp2": Family.JPEG_2000, "j2k": Family.JPEG_2000, "webp": Family.WEBP,
}
images = building_images.images_of_many_kinds()
pdfs = [
    building_pdfs.document(catalogue=building_pdfs.CLAIMING_PDF_A),
    *(building_pdfs.scanned_page(*image) for image in building_pdfs.images_for_pdfs().values()),
]
before = set(sys.modules)
from preservation.screening import documents, images as examiner
for name, whole in images.items():
    for content in (whole, whole[: len(whole) // 2], whole[:20] + bytes(50) + whole[70:]):
        arguments = {"family": families[name.rpartition(".")[2]], "memory": 1 << 29}
        arguments |= {"measured": True, "tags": ["Make"]}
        examiner.examine(arguments, [io.BytesIO(content)], [io.BytesIO()])
for whole in pdfs:
    for content in (whole, whole[: len(whole) // 2], whole.replace(b"Length", b"Lenght")):
        documents.examine({"family": "PDF", "memory": 1 << 29}, [io.BytesIO(content)], [])
print(json.dumps(sorted(set(sys.modules) - before)))
"""


def test_the_jobs_import_nothing_once_they_are_at_work() -> None:
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", _PROGRAM],
        env={"PYTHONPATH": ":".join(sys.path)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert json.loads(done.stdout) == []
