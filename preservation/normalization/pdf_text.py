"""Access copies of PDFs: their text layer, to be searched and read aloud, made to be remade."""

from typing import BinaryIO

import pypdf

from preservation.documents.pdf import PYPDF
from preservation.errors import UnacceptableContentError
from preservation.model.decisions import ProofName
from preservation.model.derivatives import Proof
from preservation.rasters.decoding import reported_by

_MOST_TEXT_BYTES = 64 << 20


def write_pdf_text(source: BinaryIO, stream: BinaryIO) -> Proof:
    """Write the text layer as UTF-8, page by page, a form feed between pages.

    Nothing is proved but that there is text. Raises ``UnacceptableContentError`` where there is none, or
    where it cannot be taken out.
    """
    letters = written = pages = 0
    with reported_by(PYPDF):
        reader = pypdf.PdfReader(source)
        if reader.is_encrypted:
            raise UnacceptableContentError("it is encrypted, so its text cannot be taken out")
        for pages, page in enumerate(reader.pages, 1):
            text = page.extract_text()
            letters += len(text.strip())
            written += stream.write(("\f" * (pages > 1) + text).encode("utf-8", "replace"))
            if written > _MOST_TEXT_BYTES:
                raise UnacceptableContentError(f"its text is longer than {_MOST_TEXT_BYTES >> 20} MiB")
    if not letters:
        raise UnacceptableContentError("it has no text layer, so there is no text to take out")
    stream.flush()
    return Proof(ProofName("opens"), holds=True, detail=f"{pages} pages, {letters:,} characters")
