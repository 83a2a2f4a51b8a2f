"""UniMatch against its authors' code on weights from seeds (golden_unimatch.py), and the number made of its flow."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import golden_unimatch as golden  # noqa: E402

from hoigen.core.clip import Clip, Frames  # noqa: E402
from hoigen.core.errors import SetupError  # noqa: E402
from hoigen.measures import unimatch_flow  # noqa: E402
from hoigen.measures.unimatch_flow import UnimatchFlow  # noqa: E402
from hoigen.models import room  # noqa: E402
from hoigen.models.nets import unimatch  # noqa: E402
from hoigen.models.tensors import own  # noqa: E402


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """As it is published: the weights under `model`, beside what training left."""
    layout = json.loads(golden.LAYOUT.read_text())
    state = {name: torch.from_numpy(np.asarray(golden.array(name, shape))) for name, shape in layout.items()}
    path = tmp_path_factory.mktemp("unimatch") / "gmflow.pth"
    torch.save({"model": state, "optimizer": {"state": {}}, "step": 3}, path)
    return path


def test_flow_is_that_of_the_authors_code(checkpoint: Path) -> None:
    model = unimatch.built(own(str(checkpoint)))
    pixels = unimatch_flow.prepared(golden.pictures(), upright=False)
    with torch.inference_mode():
        flow = model(pixels[:-1], pixels[1:])
    with np.load(golden.FILE) as file:
        theirs = file["flow"]
    assert np.abs(theirs).max() > 30
    assert flow.shape == (2, 2, 96, 160)
    assert flow[:, :, ::4, ::4].numpy() == pytest.approx(theirs, abs=0.01)


class Moves:
    """A model that sees everything move by so much of its picture, to the right and down."""

    def __init__(self, right: float, down: float) -> None:
        self.right, self.down = right, down
        self.seen: list[tuple[int, ...]] = []

    def __call__(self, first: Any, second: Any) -> Any:
        self.seen.append(tuple(first.shape))
        tall, wide = first.shape[-2:]
        flow = torch.tensor([self.right * wide, self.down * tall]).reshape(1, 2, 1, 1)
        return flow.expand(len(first), 2, tall, wide)

    def handle(self, batch: int = 1) -> room.Loaded:
        return room.Loaded(self, "cpu", "float32", most=batch)


@pytest.mark.parametrize(("height", "width"), [(96, 160), (90, 161), (160, 96), (40, 50)])
def test_lengths_are_shares_of_the_diagonal(height: int, width: int) -> None:
    images = np.zeros((3, height, width, 3), np.uint8)
    upright = height > width
    model = Moves(0.1, 0.0)
    across = height if upright else width
    expected = 0.1 * across / math.hypot(height, width)
    assert unimatch_flow.lengths(model.handle(2), images) == pytest.approx([expected] * 2)
    assert all(side % 32 == 0 and side >= 64 for shape in model.seen for side in shape[-2:])
    assert all(shape[-1] >= shape[-2] for shape in model.seen), "the model sees wide pictures alone"


def clip(**facts: Any) -> Clip:
    return Clip(id="0", uri="/v.mp4", end=2.0, width=160, height=96, fps=10, **facts)


def test_the_number_is_per_second(monkeypatch: pytest.MonkeyPatch) -> None:
    measure = UnimatchFlow()
    monkeypatch.setattr(room, "handle", lambda *networks: Moves(0.0, 0.2).handle())
    images = np.zeros((4, 96, 160, 3), np.uint8)
    score = measure(clip(), Frames(images, np.array([0.25, 0.75, 1.25, 1.35])))
    length = 0.2 * 96 / math.hypot(96, 160)
    assert [row["motion"] for row in score.detail["pairs"]] == pytest.approx(
        [length / 0.5] * 2 + [length / 0.1], abs=1e-4
    )
    assert score.value == pytest.approx((length / 0.5 * 2 + length / 0.1) / 3)


def test_one_frame_is_undefined(checkpoint: Path) -> None:
    measure = UnimatchFlow(checkpoint=str(checkpoint), device="cpu")
    score = measure(clip(), Frames(np.zeros((1, 96, 160, 3), np.uint8), np.array([0.1])))
    assert score.value is None
    assert "two frames" in score.detail["reason"]


def test_batches_change_no_number(checkpoint: Path) -> None:
    frames = Frames(golden.pictures(), np.array([0.25, 0.75, 1.25]))
    one, two = (UnimatchFlow(checkpoint=str(checkpoint), device="cpu", batch=count)(clip(), frames) for count in (1, 2))
    assert one.value == pytest.approx(two.value, rel=1e-4)
    assert one.detail["weights"][0]["name"] == "gmflow.pth"


def test_half_precision_is_near(checkpoint: Path) -> None:
    """Weights from seeds make much of rounding; the published ones are not here to say how much they do."""
    frames = Frames(golden.pictures(1, 64, 64), np.array([0.25, 0.75]))
    whole, half = (
        UnimatchFlow(checkpoint=str(checkpoint), device="cpu", dtype=name)(clip(), frames).value
        for name in ("float32", "float16")
    )
    assert whole is not None
    assert half == pytest.approx(whole, rel=0.1)


def test_other_checkpoints_are_told(tmp_path: Path) -> None:
    torch.save({"model": {"backbone.conv1.weight": torch.ones(1)}}, tmp_path / "raft.pth")
    with pytest.raises(SetupError, match=r"raft\.pth: no backbone\.trident_conv\.weight"):
        room.handle(*UnimatchFlow(checkpoint=str(tmp_path / "raft.pth")).networks)
    with pytest.raises(ValueError, match="batch"):
        UnimatchFlow(batch=0)


# the way of graphics cards, here in float32 on a CPU: the same numbers in another order


@pytest.fixture(scope="module")
def lowered(checkpoint: Path) -> unimatch.UniMatch:
    model = unimatch.built(own(str(checkpoint))).eval().requires_grad_(False)
    model.lower(torch.float32)
    return model


def test_the_way_of_cards_is_that_of_the_authors_code(lowered: unimatch.UniMatch) -> None:
    pixels = unimatch_flow.prepared(golden.pictures(), upright=False)
    with torch.inference_mode():
        flow = lowered(pixels[:-1], pixels[1:])
    with np.load(golden.FILE) as file:
        theirs = file["flow"]
    assert flow[:, :, ::4, ::4].numpy() == pytest.approx(theirs, abs=0.01)


def features(*shape: int, seed: int = 0) -> Any:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def test_likeness_read_off_a_table_is_that_of_features_between_cells() -> None:
    """Also where the flow leads beyond the picture, and far beyond."""
    one, other = features(2, 8, 12, 14), features(2, 8, 12, 14, seed=1)
    flow = 9 * features(2, 2, 12, 14, seed=2)
    flow[0, :, 0, 0], flow[1, :, 3, 3] = 1e9, -1e9
    found = unimatch.Likeness(one, other).around(flow)
    assert found.shape == (2, 81, 12, 14)
    assert found.numpy() == pytest.approx(unimatch.likeness(one, other, flow).numpy(), abs=1e-4)
    assert found.abs().max() > 1
    near, theirs = (how(one, other).numpy() for how in (unimatch.nearest, unimatch.matched_nearby))
    assert near == pytest.approx(theirs, abs=1e-4)


def test_gates_made_together_are_those_made_apart(lowered: unimatch.UniMatch) -> None:
    gru = lowered.refine.gru
    state, given = features(2, 128, 6, 7).tanh(), features(2, 256, 6, 7, seed=1)
    with torch.inference_mode():
        assert gru._on_card(state, given).numpy() == pytest.approx(gru(state, given).numpy(), abs=1e-5)


def test_norms_of_cards_are_pytorchs() -> None:
    pictures, tokens = 3 * features(2, 8, 12, 14) + 5, 3 * features(2, 50, 16) + 5
    pictures[0, 0] = 7  # nothing to be seen
    theirs = torch.nn.functional.instance_norm(pictures)
    assert unimatch.normed(pictures).numpy() == pytest.approx(theirs.numpy(), abs=1e-3)
    assert unimatch.normed(pictures)[0, 0].abs().max() < 1e-2
    norm = torch.nn.LayerNorm(16)
    torch.nn.init.normal_(norm.weight)
    torch.nn.init.normal_(norm.bias)
    with torch.inference_mode():
        assert unimatch.levelled(norm, tokens).numpy() == pytest.approx(norm(tokens).numpy(), abs=1e-4)


def test_pairs_of_any_size_that_the_network_sees_alike_go_together() -> None:
    look = unimatch_flow.LookAtFlow()
    assert look.kind((4, 2, 96, 160, 3)) == look.kind((1, 2, 90, 150, 3)) == look.kind((1, 2, 160, 96, 3)) == (96, 160)
    model = Moves(0.1, 0.2)
    pairs = [np.zeros((1, 2, *size, 3), np.uint8) for size in ((96, 160), (90, 150), (160, 96))]
    apart = [model.handle()(each, method=look) for each in pairs]
    together = model.handle().answers([room.Call(look, (each,), {}) for each in pairs])
    assert [float(each) for each in together] == pytest.approx([float(each) for each in apart])
    assert model.seen[-1] == (3, 3, 96, 160)
