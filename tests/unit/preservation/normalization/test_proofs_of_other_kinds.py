"""What is no raster can be proved by the same proofs: here recordings, decoded by the standard library."""

from __future__ import annotations

import hashlib
import io
import struct
import wave
from collections.abc import Mapping

import pytest
from PIL import Image
from support.rasters import PIXEL_LIMIT, noise, saved

from preservation.errors import UnacceptableContentError
from preservation.model.events import Agent, AgentKind
from preservation.normalization.comparable_raster import ComparableRaster
from preservation.normalization.comparison import Comparable, Content, Property
from preservation.normalization.proofs import PROOFS, prove, same_property
from preservation.policy.proofs import ProvableProof
from preservation.rasters.opening import open_for_proving


class Recording:
    """A WAV file: its channels are its parts."""

    part_name = "channel"
    decoder = Agent(AgentKind.SOFTWARE, "wave", "1")

    def __init__(self, content: bytes) -> None:
        try:
            with wave.open(io.BytesIO(content)) as opened:
                self.part_count = opened.getnchannels()
                self._rate = opened.getframerate()
                self._frames = opened.readframes(opened.getnframes())
        except (wave.Error, EOFError) as error:
            raise UnacceptableContentError(f"it is no recording: {error}") from error

    @property
    def extent(self) -> str:
        return f"{self.part_count} channels"

    def content(self, part: int) -> Content:
        if not self._frames:
            raise UnacceptableContentError("it holds no samples")
        samples = struct.unpack(f"<{len(self._frames) // 2}h", self._frames)[part :: self.part_count]
        layout = f"{len(samples)} samples, {self._rate} Hz"
        return Content(layout, hashlib.sha256(struct.pack(f"<{len(samples)}h", *samples)).digest())

    def properties(self, part: int) -> Mapping[ProvableProof, Property]:  # noqa: ARG002  none of ours
        return {}


def recorded(*channels: tuple[int, ...], rate: int = 8000) -> Recording:
    sink = io.BytesIO()
    with wave.open(sink, "wb") as writer:
        writer.setnchannels(len(channels))
        writer.setsampwidth(2)
        writer.setframerate(rate)
        writer.writeframes(
            b"".join(struct.pack(f"<{len(channels)}h", *frame) for frame in zip(*channels, strict=True))
        )
    return Recording(sink.getvalue())


LEFT, RIGHT = (1, -2, 3), (4, 5, -6)


@pytest.mark.parametrize(
    ("derivative", "holds", "detail"),
    [
        (recorded(LEFT, RIGHT), True, "3 samples, 8000 Hz and 1 more channels, sha256 "),
        (recorded(LEFT, (4, 5, -7)), False, "channel 2 differs: 3 samples, 8000 Hz, sha256 "),
        (recorded(LEFT, RIGHT, rate=11025), False, "channel 1 differs: 3 samples, 8000 Hz, sha256 "),
        (recorded(LEFT), False, "2 channels in the source, 1 channels in the derivative"),
        (recorded((), ()), False, "it could not be compared: it holds no samples"),
    ],
)
def test_the_content_of_recordings_is_compared(derivative: Recording, *, holds: bool, detail: str):
    proof = prove("same-pixels", recorded(LEFT, RIGHT), derivative)
    assert (proof.holds, proof.detail[: len(detail)]) == (holds, detail)


def test_what_files_of_a_kind_do_not_have_is_not_proved():
    proof = prove("same-resolution", recorded(LEFT), recorded(LEFT))
    assert (proof.holds, "nothing that same-resolution compares" in proof.detail) == (False, True)


def test_a_raster_has_every_property_that_a_proof_compares():
    raster = ComparableRaster(open_for_proving(io.BytesIO(saved(Image.new("L", (2, 2)), "PNG")), PIXEL_LIMIT))
    compared = {proof for proof, method in PROOFS.items() if method is same_property}
    assert set(raster.properties(0)) == compared


def test_a_recording_and_a_raster_are_not_the_same():
    picture = saved(Image.fromarray(noise(3, 2)), "PNG")
    raster: Comparable = ComparableRaster(open_for_proving(io.BytesIO(picture), PIXEL_LIMIT))
    sides = (recorded(LEFT), raster)
    assert not any(prove(proof.value, *sides).holds for proof in ProvableProof)
