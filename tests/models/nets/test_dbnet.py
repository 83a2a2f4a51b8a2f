"""DBNet++ against mmocr's own code on weights from seeds (golden_dbnet.py), its deformable convolution against the
formula, its boxes against mmocr's, and what the measure makes of them."""

from __future__ import annotations

import dataclasses
import itertools
import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

torch = pytest.importorskip("torch")

import golden_dbnet as golden  # noqa: E402

from hoigen.core.clip import Clip, Frames  # noqa: E402
from hoigen.core.errors import SetupError  # noqa: E402
from hoigen.measures.text_boxes import STEPS, LookForText, TextBoxes, shown_size, words_in  # noqa: E402
from hoigen.models import room  # noqa: E402
from hoigen.models.nets import dbnet  # noqa: E402
from hoigen.models.nets.text_detector import TextBox, Words, words_of  # noqa: E402
from hoigen.models.tensors import own  # noqa: E402

LAYOUTS = json.loads(golden.LAYOUT.read_text())
HEIGHT, WIDTH = golden.pictures().shape[1:3]


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    """Two that wait for each other on busy cores take twelve times as long."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def saved(name: str, folder: Path) -> Path:
    """As mmocr publishes it: the weights under `state_dict`, beside what training left."""
    state = {key: torch.from_numpy(np.asarray(golden.array(key, shape))) for key, shape in LAYOUTS[name].items()}
    path = folder / f"{name}.pth"
    torch.save({"meta": {"epoch": 1200, "seed": 0}, "state_dict": state}, path)
    return path


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    path = saved("oclip_dcn", tmp_path_factory.mktemp("dbnet"))
    yield path
    path.unlink()  # 110 MB


def prepared(images: np.ndarray, short_side: int = HEIGHT) -> Any:
    (pixels,) = LookForText(short_side).prepare(torch.from_numpy(images))
    return pixels


@pytest.mark.parametrize("name", golden.BACKBONES)
def test_probabilities_are_those_of_mmocr(name: str, checkpoint: Path, tmp_path: Path) -> None:
    path = checkpoint if checkpoint.stem == name else saved(name, tmp_path)
    model = dbnet.built(own(str(path)))
    if path != checkpoint:
        path.unlink()
    with torch.inference_mode():
        found = model(prepared(golden.pictures()))
    with np.load(golden.FILE) as file:
        theirs = file[name]
    assert found.shape == (2, HEIGHT, WIDTH)
    assert theirs.std() > 0.2, "neither all text nor none"
    assert found[:, ::2, ::2].numpy() == pytest.approx(theirs, abs=2e-4)


def by_hand(x: Any, moves: Any, counts: Any, weight: Any, stride: int, padding: int) -> Any:
    """The formula of Deformable ConvNets v2, point by point, in doubles."""
    number, _, height, width = x.shape
    _, _, rows, columns = moves.shape
    made = torch.zeros(number, weight.shape[0], rows, columns, dtype=torch.float64)
    x, weight = x.double(), weight.double()
    for n, row, column in itertools.product(range(number), range(rows), range(columns)):
        for at, (i, j) in enumerate(itertools.product(range(weight.shape[2]), range(weight.shape[3]))):
            y = row * stride - padding + i + float(moves[n, 2 * at, row, column])
            z = column * stride - padding + j + float(moves[n, 2 * at + 1, row, column])
            seen = torch.zeros(x.shape[1], dtype=torch.float64)
            for down, along in itertools.product(
                (math.floor(y), math.floor(y) + 1), (math.floor(z), math.floor(z) + 1)
            ):
                if 0 <= down < height and 0 <= along < width:
                    seen += (1 - abs(y - down)) * (1 - abs(z - along)) * x[n, :, down, along]
            made[n, :, row, column] += float(counts[n, at, row, column]) * weight[:, :, i, j] @ seen
    return made


@pytest.mark.parametrize(
    ("height", "width", "stride", "padding"), [(7, 5, 1, 1), (8, 9, 2, 1), (6, 6, 1, 0), (1, 4, 1, 1)]
)
def test_the_deformable_convolution_is_that_of_the_formula(height: int, width: int, stride: int, padding: int) -> None:
    """Also where points lie beyond the picture, on its edge, and far beyond."""
    chance = torch.Generator().manual_seed(3)
    rows, columns = ((side + 2 * padding - 3) // stride + 1 for side in (height, width))
    x = torch.randn(2, 4, height, width, generator=chance)
    moves = 2 * torch.randn(2, 18, rows, columns, generator=chance)
    moves[0, :6, 0, 0], moves[1, 3, 0, 0] = -1.0, 50.0
    counts = torch.rand(2, 9, rows, columns, generator=chance)
    weight = torch.randn(5, 4, 3, 3, generator=chance)
    found = dbnet.deformed(x, moves, counts, weight, stride, padding)
    expected = by_hand(x, moves, counts, weight, stride, padding)
    assert found.shape == expected.shape
    assert expected.abs().max() > 1
    assert found.numpy() == pytest.approx(expected.numpy(), abs=2e-5)


def test_without_moves_it_is_a_convolution() -> None:
    chance = torch.Generator().manual_seed(4)
    x, weight = torch.randn(1, 4, 9, 11, generator=chance), torch.randn(6, 4, 3, 3, generator=chance)
    still, whole = torch.zeros(1, 18, 5, 6), torch.ones(1, 9, 5, 6)
    found = dbnet.deformed(x, still, whole, weight, stride=2, padding=1)
    assert found.numpy() == pytest.approx(torch.nn.functional.conv2d(x, weight, stride=2, padding=1).numpy(), abs=1e-4)


def apart(one: np.ndarray, other: np.ndarray) -> float:
    """The largest distance of corners, wherever one begins and whichever way around it goes."""
    turned = (np.roll(each, by, 0) for each in (one, one[::-1]) for by in range(4))
    return min(float(np.abs(each - other).max()) for each in turned)


def test_boxes_are_those_of_mmocr() -> None:
    """Of 12 maps with turned, thin, hollow and unsure regions. Clipper shuts one hollow in by a hair less."""
    boxes, lacking, far = 0, 0, 0
    with np.load(golden.FILE) as file:
        for seed in range(golden.MAPS):
            theirs = list(zip(file[f"polygons{seed}"], file[f"scores{seed}"], strict=True))
            ours = words_of(golden.map_of(seed), Words())
            assert [box.score for box in ours] == sorted((box.score for box in ours), reverse=True)
            for corners, score in theirs:
                near = [box for box in ours if abs(box.score - score) < 1e-5]
                distance = min((apart(np.array(box.corners), corners) for box in near), default=math.inf)
                boxes, lacking, far = boxes + 1, lacking + (distance > 4), far + (distance > 1)
            assert abs(len(ours) - len(theirs)) <= 1
    assert boxes > 100
    assert lacking <= 1
    assert far <= 3, "boxes of nearly the same area that lie otherwise"


def region(*rectangles: tuple[int, int, int, int], value: float = 0.9) -> np.ndarray:
    made = np.zeros((120, 160), np.float32)
    for left, top, right, bottom in rectangles:
        made[top:bottom, left:right] = value
    return made


def test_thresholds_and_sizes_of_words() -> None:
    (box,) = words_of(region((40, 50, 101, 61)), Words())
    grown = 60 * 10 * 1.5 / (2 * (60 + 10))
    assert np.min(box.corners, axis=0) == pytest.approx((40 - grown, 50 - grown), abs=0.6)
    assert np.max(box.corners, axis=0) == pytest.approx((100 + grown, 60 + grown), abs=0.6)
    assert box.score == pytest.approx(0.9, abs=1e-6)
    assert not words_of(region((40, 50, 101, 61), value=0.35), Words(box_score=0.4))
    assert words_of(region((40, 50, 101, 61), value=0.35), Words())
    assert not words_of(region((40, 50, 101, 61), value=0.35), Words(threshold=0.4))
    assert not words_of(region((40, 50, 44, 53)), Words())  # 3 x 2 pixels, 4.8 x 3.8 once they have grown
    assert words_of(region((40, 50, 44, 53)), Words(min_side=3))
    assert not words_of(np.zeros((120, 160), np.float32), Words())


def test_what_shuts_something_in_once_it_has_grown_is_no_word() -> None:
    """As in mmocr, which gets two polygons there and takes none; of a frame, its inner edge is one more outline."""
    horseshoe = region((30, 20, 110, 100)) - region((45, 35, 95, 85)) - region((68, 80, 72, 100))
    assert words_of(horseshoe, Words(unclip=0.1)), "open: one word"
    assert not words_of(horseshoe, Words()), "its ends meet"


@pytest.mark.parametrize(("height", "width"), [(60, 100), (48, 48), (300, 200), (192, 250), (40, 500)])
def test_pictures_are_resized_as_by_opencv(height: int, width: int) -> None:
    images = np.random.default_rng(0).integers(0, 256, (2, height, width, 3), dtype=np.uint8)
    scale = min(4068 / max(height, width), 96 / min(height, width))
    tall, wide = int(height * scale + 0.5), int(width * scale + 0.5)
    expected = np.stack([cv2.resize(each, (wide, tall), interpolation=cv2.INTER_LINEAR) for each in images])
    found = prepared(images, 96)
    assert found.shape[-2:] == LookForText(96).kind((2, height, width, 3))
    assert all(side % 32 == 0 for side in found.shape[-2:])
    mean, deviation = (torch.tensor(each).reshape(3, 1, 1) for each in ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)))
    levels = ((found * deviation + mean) * 255).permute(0, 2, 3, 1).numpy()
    assert np.abs(levels[:, :tall, :wide] - expected).max() <= 1.001
    assert np.abs(levels[:, :tall, :wide] - expected).mean() < 0.2
    assert not found[..., tall:, :].any()
    assert not found[..., wide:].any()


def test_what_the_network_gets_is_what_mmocrs_gets() -> None:
    with np.load(golden.FILE) as file:
        assert prepared(golden.pictures())[..., ::8, ::8].numpy() == pytest.approx(file["seen"], abs=1e-5)


def test_long_pictures_are_shown_smaller() -> None:
    assert shown_size(720, 1280, 1024) == (1024, 1820)
    assert shown_size(1280, 720, 1024) == (1820, 1024)
    assert shown_size(100, 1000, 1024) == (407, 4068)


class White:
    """A model for which all that is nearly white is text."""

    def __init__(self) -> None:
        self.seen: list[tuple[int, ...]] = []

    def __call__(self, pictures: Any) -> Any:
        self.seen.append(tuple(pictures.shape))
        return (pictures.amin(1) > 2).float() * 0.9

    def handle(self, batch: int = 1) -> room.Loaded:
        return room.Loaded(self, "cpu", "float32", ledger=({"name": "white.pth"},), most=batch)


def clip() -> Clip:
    return Clip(id="0", uri="/v.mp4", end=2.0, width=300, height=200, fps=10)


def written(*rectangles: tuple[int, int, int, int]) -> np.ndarray:
    image = np.zeros((200, 300, 3), np.uint8)
    for left, top, right, bottom in rectangles:
        image[top:bottom, left:right] = 255
    return image


def test_boxes_are_where_the_text_is_in_the_picture() -> None:
    images = np.stack([written((60, 40, 180, 60)), written((10, 150, 90, 170), (200, 20, 290, 50)), written()])
    found = words_in(White().handle(2), images, Words(short_side=320, unclip=0.2))
    assert [len(boxes) for boxes in found] == [1, 2, 0]
    (box,) = found[0]
    grown = 120 * 20 * 0.2 / 280
    assert np.min(box.corners, axis=0) == pytest.approx((60 - grown, 40 - grown), abs=1.5)
    assert np.max(box.corners, axis=0) == pytest.approx((180 + grown, 60 + grown), abs=1.5)
    assert box.score == pytest.approx(0.9, abs=1 / STEPS)


def test_words_are_lines_or_not_as_one_likes(monkeypatch: pytest.MonkeyPatch) -> None:
    model = White()
    monkeypatch.setattr(room, "handle", lambda *networks: model.handle())
    image = written((20, 100, 90, 120), (105, 100, 180, 120), (20, 20, 100, 40))
    frames = Frames(np.stack([image, image]), np.array([0.5, 1.0]))
    words = Words(short_side=200, unclip=0.2)
    joined, apart = (
        TextBoxes(detector="dbnetpp", words=words, **given)(clip(), frames) for given in ({}, {"line": None})
    )
    assert (joined.value, apart.value) == (2, 3)
    assert apart.detail["frames"][0]["count"] == 3
    assert apart.detail["weights"] == [{"name": "white.pth"}]
    assert apart.parts["text_area"] == pytest.approx(5100 / 60000, rel=0.15)


def test_pictures_of_any_size_that_the_network_sees_alike_go_together() -> None:
    look, model = LookForText(96), White()
    assert look.kind((4, 200, 300, 3)) == look.kind((1, 100, 150, 3)) == look.kind((1, 96, 140, 3)) == (96, 160)
    images = [np.full((1, *size, 3), 255, np.uint8) for size in ((200, 300), (100, 150), (96, 140))]
    alone = [model.handle()(each, method=look) for each in images]
    together = model.handle().answers([room.Call(look, (each,), {}) for each in images])
    assert model.seen[-1] == (3, 3, 96, 160)
    for one, other in zip(alone, together, strict=True):
        assert one.dtype == torch.int16
        assert torch.equal(one, other)


@pytest.fixture(scope="module")
def loaded(checkpoint: Path) -> Any:
    return room.handle(*seen_small(checkpoint).networks)


def seen_small(checkpoint: Path, **settings: Any) -> TextBoxes:
    words = Words(short_side=64, min_side=3)
    return TextBoxes(
        detector="dbnetpp",
        checkpoint=str(checkpoint),
        device="cpu",
        words=words,
        line=None,
        support=1,
        **settings,
    )


def test_the_measure_counts_what_the_network_finds(checkpoint: Path, loaded: room.Loaded) -> None:
    images = golden.pictures()[:, :64, :96]
    frames = Frames(images, np.array([0.5, 1.0]))
    score = seen_small(checkpoint)(clip(), frames)
    with torch.inference_mode():
        maps = loaded.model(prepared(images, 64))
    boxes: list[list[TextBox]] = [words_of(each.numpy(), Words(min_side=3)) for each in maps]
    counts = [frame["count"] for frame in score.detail["frames"]]
    assert counts == list(map(len, boxes))
    assert score.value == max(counts) > 1
    assert score.detail["weights"][0]["name"] == "oclip_dcn.pth"
    together = seen_small(checkpoint, batch=2)(clip(), frames)
    assert [frame["count"] for frame in together.detail["frames"]] == counts


def test_half_precision_is_near(loaded: room.Loaded) -> None:
    """As on a graphics card, where places stay float32: text is found where it was."""
    pictures = golden.pictures()[:1, :64, :64]
    whole, half = (
        dataclasses.replace(loaded, dtype=name)(pictures, method=LookForText(64)).float() / STEPS
        for name in ("float32", "float16")
    )
    assert whole.std() > 0.1
    assert (whole - half).abs().mean() < 0.02


def test_other_checkpoints_are_told(tmp_path: Path) -> None:
    torch.save({"state_dict": {"backbone.conv1.weight": torch.ones(1)}}, tmp_path / "mask.pth")
    with pytest.raises(SetupError, match=r"mask\.pth: no backbone\.layer1\.0\.conv2\.weight"):
        room.handle(*TextBoxes(detector="dbnetpp", checkpoint=str(tmp_path / "mask.pth")).networks)


def test_settings_that_do_not_fit_are_told() -> None:
    with pytest.raises(ValueError, match="detector: pp_ocr or dbnetpp; it came as 'east'"):
        TextBoxes(detector="east")
    with pytest.raises(ValueError, match="checkpoint: of detector dbnetpp alone"):
        TextBoxes(checkpoint="x.pth")
    with pytest.raises(ValueError, match="batch: 1 or more"):
        TextBoxes(detector="dbnetpp", batch=0)
    with pytest.raises(ValueError, match="short_side: 32 to 4068 pixels"):
        Words(short_side=8)
