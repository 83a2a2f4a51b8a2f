"""The detector that is a network: its windows, its boundaries, and what it says of made cuts with its real weights."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="extra [models] is not installed")

from hoigen.models import cards, files  # noqa: E402
from hoigen.models.nets.transnet import FRAMES, HEIGHT, WIDTH, TransNet  # noqa: E402
from hoigen.video.shots import check_detector  # noqa: E402
from hoigen.video.transnet import KNOWN, Transnet  # noqa: E402
from shot_cases import joined, matched, scene  # noqa: E402


@pytest.mark.parametrize("count", [1, 49, 50, 51, 74, 75, 76, 124, 125, 126, 230])
def test_every_frame_is_judged_once_and_in_its_place(count: int, monkeypatch: pytest.MonkeyPatch) -> None:
    def look(self: Transnet, images: list[np.ndarray]) -> list[float]:
        assert len(images) == FRAMES
        assert {image.shape for image in images} == {(HEIGHT, WIDTH, 3)}
        return [float(image[0, 0, 0]) for image in images[KNOWN:-KNOWN]]

    monkeypatch.setattr(Transnet, "_look", look)
    frames = [(np.full((54, 96, 3), n, np.uint8), n / 25) for n in range(count)]
    said = list(Transnet()._chances(iter(frames)))
    assert said == [(float(n), n / 25) for n in range(count)]


@pytest.mark.parametrize(
    ("sure", "found"),
    [
        ([0, 0, 1, 0, 0], [3]),
        ([0, 1, 1, 0, 0], [2]),
        ([0, 1, 1, 1, 0], [3]),
        ([1, 0, 0, 1, 0], [1, 4]),
        ([0, 0, 1], []),
    ],
)
def test_a_shot_begins_behind_the_middle_of_what_is_marked(
    sure: list[float], found: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    def chances(self: Transnet, frames: object) -> Iterator[tuple[float, float]]:
        return iter([(chance, float(n)) for n, chance in enumerate(sure)])

    monkeypatch.setattr(Transnet, "_chances", chances)
    assert list(Transnet().boundaries([])) == found


def test_the_network_takes_its_frames_at_any_length() -> None:
    torch.manual_seed(0)
    frames = torch.randint(0, 256, (1, 12, HEIGHT, WIDTH, 3), dtype=torch.uint8)
    with torch.inference_mode():
        chances = TransNet().eval()(frames)
    assert chances.shape == (1, 12)
    assert ((chances >= 0) & (chances <= 1)).all()


def test_made_cuts_are_found_with_the_published_weights(tmp_path: Path) -> None:
    if files.present(cards.of_file("transnet")) is None:
        pytest.skip("the weights of transnet are not here: hoigen models transnet --fetch")
    torch.set_num_threads(1)
    case = joined("hard cut", [scene(41), scene(42), scene(43)])
    detector = check_detector({"transnet": {"device": "cpu"}})
    found = list(detector.boundaries(zip(case.frames, case.times, strict=True)))
    assert matched(case.truth, found) == len(found) == 2
