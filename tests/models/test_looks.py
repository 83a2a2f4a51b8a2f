"""What is prepared where the network is, how much goes together, and what happens where memory does not suffice."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import fake_network  # noqa: E402
from PIL import Image  # noqa: E402

from hoigen.core import devices  # noqa: E402
from hoigen.measures.vbench import pictures  # noqa: E402
from hoigen.models import client, room  # noqa: E402
from hoigen.models.arena import Arena, Rows  # noqa: E402
from hoigen.models.host import Host  # noqa: E402
from hoigen.models.nets import amt, musiq  # noqa: E402
from hoigen.models.nets.clip import ClipVit  # noqa: E402
from hoigen.models.nets.dino import Dino  # noqa: E402
from hoigen.models.room import Call, Loaded, RemoteNetwork  # noqa: E402
from render import texture  # noqa: E402


class Small:
    """A card with room for so many rows."""

    def __init__(self, room: int) -> None:
        self.room = room
        self.seen: list[int] = []

    def __call__(self, rows: Any) -> Any:
        self.seen.append(len(rows))
        if len(rows) > self.room:
            raise RuntimeError("CUDA out of memory. Tried to allocate 270.00 MiB")
        if (rows == 13).any():
            raise ValueError("unlucky")
        return rows * 2


def test_what_has_no_room_is_asked_in_halves_and_never_so_large_again() -> None:
    model = Small(3)
    network = Loaded(model, "cpu", "float32", most=16)
    calls = [Call("forward", (np.arange(start, start + 4.0),), {}) for start in (0, 4, 8)]
    said = network.answers(calls)
    assert [each.tolist() for each in said] == [[2 * (start + at) for at in range(4)] for start in (0, 4, 8)]
    assert network.bound.rows is not None
    assert network.bound.rows <= 3
    assert network.answers([Call("forward", (np.zeros(2),), {})])[0].tolist() == [0, 0]


def test_one_row_that_has_no_room_fails_alone() -> None:
    network = Loaded(Small(0), "cpu", "float32")
    (said,) = network.answers([Call("forward", (np.zeros(4),), {})])
    assert isinstance(said, RuntimeError)
    assert devices.no_room(said)


def test_a_row_that_fails_costs_its_question_alone() -> None:
    network = Loaded(Small(3), "cpu", "float32")
    first, second = network.answers([Call("forward", (np.array(each),), {}) for each in ([12.0, 13.0], [14.0, 15.0])])
    assert isinstance(first, ValueError)
    assert second.tolist() == [28, 30]


def test_parts_of_an_answer_are_one_answer() -> None:
    said = [(torch.zeros(2, 3), {"a": [1, 2]}), (torch.ones(1, 3), {"a": [3]})]
    rows, named = room.joined(said)
    assert rows.shape == (3, 3)
    assert named == {"a": [1, 2, 3]}


@pytest.mark.parametrize(
    "size", [(720, 1280), (360, 640), (224, 300), (100, 150), (300, 224), (223, 225), (2161, 3841)]
)
def test_pictures_are_made_smaller_as_pillow_does_pixel_by_pixel(size: tuple[int, int]) -> None:
    image = np.random.default_rng(0).integers(0, 256, (*size, 3), np.uint8)
    image[: size[0] // 3] = np.where(image[: size[0] // 3] > 127, 255, 0)  # overshoots
    height, width = pictures._size(*size, 224)
    theirs = np.asarray(Image.fromarray(image).resize((width, height), Image.Resampling.BICUBIC))
    assert np.array_equal(pictures.resampled(torch.from_numpy(image)[None], (height, width))[0].numpy(), theirs)
    small = pictures.smoothed(image)

    def made(shown: np.ndarray) -> Any:
        return pictures.clip_smoothed(torch.from_numpy(shown.copy())[None])

    assert torch.equal(made(image), made(small))


def test_frames_of_all_shapes_go_to_clip_together() -> None:
    class Net:
        def __init__(self) -> None:
            self.seen: list[tuple[int, ...]] = []

        def __call__(self, rows: Any) -> Any:
            self.seen.append(tuple(rows.shape))
            return rows.mean((1, 2, 3))

    sizes = [(230, 300), (300, 230), (230, 300), (224, 224)]
    frames = [np.stack([texture(at, size), texture(at + 9, size)]) for at, size in enumerate(sizes)]
    look = pictures.Look("clip")
    net = Net()
    network = Loaded(net, "cpu", "float32", most=16)
    calls = [Call(look, (each,), {}) for each in frames]
    assert len({call.alike for call in calls}) == 1
    together = network.answers(calls)
    assert net.seen == [(8, 3, 224, 224)]
    for each, said in zip(frames, together, strict=True):
        assert torch.allclose(said, network(Rows(tuple(each)), method=look), atol=1e-6)
    dino = [Call(pictures.Look("dino"), (each,), {}).alike for each in frames]
    assert dino[0] == dino[2] != dino[1]


def test_patches_by_one_product_are_those_of_the_convolution() -> None:
    from hoigen.models.nets.parts import patched

    pixels = torch.randn(2, 3, 70, 100)
    for conv in (torch.nn.Conv2d(3, 8, 16, 16), torch.nn.Conv2d(3, 8, 14, 14, bias=False)):
        assert torch.allclose(patched(conv, pixels), conv(pixels).flatten(2).transpose(1, 2), atol=1e-5)
    patches, _, _ = musiq.pieces_at(pixels, 2, None)
    padded = musiq.same(pixels, musiq.PATCH, musiq.PATCH)
    assert torch.equal(patches, torch.nn.functional.unfold(padded, musiq.PATCH, stride=musiq.PATCH))


def small_clip() -> Any:
    made = ClipVit(128, 2, 32, 50, 16)
    for parameter in made.parameters():
        torch.nn.init.normal_(parameter, std=0.1)
    return made


@pytest.mark.parametrize("make", [small_clip, lambda: Dino(128, 2, 16, 14), amt.Amt], ids=["clip", "dino", "amt"])
@pytest.mark.parametrize(("dtype", "off"), [("float32", 1e-4), ("bfloat16", 0.15)])
def test_a_network_lowered_says_what_it_said(make: Callable[[], Any], dtype: str, off: float) -> None:
    """The way of a card, here on a CPU: types fit together, and what has to stay float32 has."""
    torch.manual_seed(0)
    model = make().eval().requires_grad_(False)
    side = 128 if isinstance(model, amt.Amt) else 224
    inputs = [torch.rand(1, 3, side, side) for _ in range(2 if isinstance(model, amt.Amt) else 1)]
    with torch.inference_mode():
        whole = model(*inputs)
        model.lower(getattr(torch, dtype))
        low = model(*inputs)
    assert low.shape == whole.shape
    assert float((low.float() - whole).abs().max() / whole.abs().max()) < off


def test_large_pictures_go_through_shared_memory_and_come_back_right(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """More questions than the memory holds at a time; the process is killed at one of them, and is asked again."""
    network = fake_network.network(tmp_path, batch=8)
    small = Arena(400 << 10)
    monkeypatch.setattr(client, "_arena", lambda process: small)
    (tmp_path / "kill_once.txt").write_text("4")

    def shown(number: int) -> Any:
        frames = torch.from_numpy(texture(number, (80, 90))).permute(2, 0, 1)[None] / 255
        frames = frames.contiguous()
        frames[:, 0, 0, 0] = number
        return frames

    with Host(functools.partial(fake_network.setup, network), load_deadline=120, deadline=60) as served:
        served.start()
        remote = RemoteNetwork(served.address, network)
        waiting = [remote.submit(shown(number)) for number in range(1, 10)]
        found = [each.result() for each in waiting]
    here = room.load(network)
    assert all(torch.allclose(each, here(shown(at)), atol=1e-5) for at, each in enumerate(found, 1))
    assert not small.taken
    assert (tmp_path / "killed.txt").exists()


def test_where_memory_cannot_be_shared_pictures_go_in_the_question(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    network = fake_network.network(tmp_path)
    closed = Arena(1 << 20)
    monkeypatch.setattr(client, "_arena", lambda process: closed)
    put = closed.put
    monkeypatch.setattr(closed, "put", lambda arrays, waiting: _of_nobody(*put(arrays, waiting)))
    with Host(functools.partial(fake_network.setup, network), load_deadline=120, deadline=60) as served:
        served.start()
        shown = torch.rand(2, 3, 40, 50)
        said = RemoteNetwork(served.address, network)(shown)
    assert closed.read is False
    assert not closed.taken
    assert torch.allclose(said, room.load(network)(shown), atol=1e-5)


def _of_nobody(pieces: Any, give_back: Any) -> Any:
    """Pieces of a process that is not there."""
    return [dataclasses.replace(each, process=1 << 30, serial=-1) for each in pieces], give_back


def test_a_number_says_what_it_was_computed_with(tmp_path: Path) -> None:
    assert "dtype" not in room.load(fake_network.network(tmp_path, dtype="auto")).ledger[0]
    assert room.load(fake_network.network(tmp_path, dtype="bfloat16")).ledger[0]["dtype"] == "bfloat16"
