"""ADA-CM against what its authors' own code makes of the same weights, pictures and memory (golden_ada_cm.py)."""

from __future__ import annotations

import functools
import json
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")

import ada_cm_world as world  # noqa: E402
import tiny_clip  # noqa: E402

from hoigen.core.clip import Clip  # noqa: E402
from hoigen.core.errors import SetupError, UsageError  # noqa: E402
from hoigen.interactions import hico  # noqa: E402
from hoigen.measures.coarse_hoi import CoarseHoi  # noqa: E402
from hoigen.models import room, uses  # noqa: E402
from hoigen.models.tensors import own  # noqa: E402
from hoigen.observe.ada_cm import AdaCm  # noqa: E402
from hoigen.observe.adacm import detr, finder, networks, published, reading, sentences, shots, trained  # noqa: E402  # noqa: E402
from hoigen.observe.boxes import chosen  # noqa: E402
from hoigen.observe.frame import Detection  # noqa: E402
from looking import frames_of, score_of  # noqa: E402

POWER = 2.8
TIMES = [0.5, 1.5]


@pytest.fixture(scope="module")
def golden() -> dict[str, np.ndarray]:
    with np.load(world.FILE) as file:
        return {name: file[name] for name in file.files}


def tensors() -> dict[str, Any]:
    layout = json.loads(world.LAYOUT.read_text())
    return {name: torch.from_numpy(np.array(value)) for name, value in world.state(layout).items()}


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """As the authors publish them: a whole checkpoint, DETR alone, a memory of features; and CLIP of that width."""
    folder = tmp_path_factory.mktemp("ada_cm")
    state = tensors()
    torch.save({"model_state_dict": state, "optim_state_dict": {"lr": 1e-3}, "epoch": 15}, folder / "checkpoint.pt")
    boxes = {name.removeprefix("detector."): value for name, value in state.items() if name.startswith("detector.")}
    torch.save({"model_state_dict": boxes}, folder / "detr.pth")
    coco, verbs = sentences.coco(), hico.verbs()
    pairs = [(at, verbs.index(pair.verb), coco.index(pair.object)) for at, pair in enumerate(hico.pairs())]
    (folder / "memory.p").write_bytes(pickle.dumps(world.images(pairs)))
    clip = tiny_clip.clip(folder / "clip", projection=world.WIDTH)
    return {
        "checkpoint": folder / "checkpoint.pt",
        "detr": folder / "detr.pth",
        "memory": folder / "memory.p",
        "clip": clip,
    }


@pytest.fixture(scope="module")
def boxes(files: dict[str, Path]) -> Any:
    file = own(str(files["checkpoint"]))
    return detr.built(published.detector_of(file), file)


def test_boxes_are_those_of_the_authors_code(boxes: Any, golden: dict[str, np.ndarray]) -> None:
    for at, picture in enumerate(world.pictures()):
        with torch.inference_mode():
            chances, corners = boxes(finder.tensors([finder.enlarged(picture)]))
        x, y, wide, tall = golden[f"{at}.boxes"].T
        whole = np.stack([x - wide / 2, y - tall / 2, x + wide / 2, y + tall / 2], 1)
        assert chances[0].numpy() == pytest.approx(golden[f"{at}.chances"], abs=1e-3)
        assert corners[0].numpy() == pytest.approx(whole, abs=1e-4)
    assert len({int(label) for label in golden["0.chances"].argmax(-1)}) > 3, "the boxes differ"


def test_scores_are_those_of_the_authors_code(
    files: dict[str, Path], boxes: Any, golden: dict[str, np.ndarray]
) -> None:
    """Every pair and every verb, in both pictures, from the file's pixels to the score."""
    file = own(str(files["checkpoint"]))
    visual, head = published.parts_of(file)
    eyes = trained.adapted_vit(visual, file)
    model = trained.Trained(eyes, head, torch.from_numpy(world.objects()), file).eval()
    half = functools.partial(reading.trained_verbs, room.Loaded(model, "cpu", "float32", model.facts))
    found = reading.read(room.Loaded(boxes, "cpu", "float32"), half, world.pictures(), 0.2, 3, 15)
    for at, pairs in enumerate(found):
        mine = {
            (*place(person.box), *place(thing.box), verb): chance * (person.score * thing.score) ** POWER
            for person, thing, verbs in pairs
            for verb, chance in verbs.items()
        }
        persons, things = golden[f"{at}.persons"], golden[f"{at}.things"]
        labels = [hico.verbs()[label] for label in golden[f"{at}.labels"]]
        theirs = {
            (*place(person), *place(thing), verb): score
            for person, thing, verb, score in zip(persons, things, labels, golden[f"{at}.scores"], strict=True)
        }
        assert mine.keys() == theirs.keys()
        assert len(theirs) > 50
        assert list(mine.values()) == pytest.approx(
            [theirs[key] for key in mine], rel=5e-3, abs=1e-6
        )  # weights this large make much of rounding
        assert np.std([np.log(score + 1e-9) for score in theirs.values()]) > 0.5


def place(box: Any) -> tuple[float, ...]:
    return tuple(round(float(side), 2) for side in box)


def test_remembered_crops_score_as_in_the_authors_code(files: dict[str, Path], golden: dict[str, np.ndarray]) -> None:
    memory = shots.memory_of(files["memory"], 10_000)
    assert len(memory.both) > 1200
    assert memory.labels.sum(1).max() == 2, "two pairs of the same boxes are both shown"
    persons, things = golden["shots.order"]
    count = len(persons)
    crops = [world.crops(count + at)[:count] for at in range(3)]
    person, thing, both = (each / np.linalg.norm(each, axis=-1, keepdims=True) for each in crops)
    labels = [sentences.coco()[golden["shots.labels"][at]] for at in things]
    found = shots.chances(memory.logits(person, thing, both, world.texts()), labels, 0.05)
    sure = golden["shots.sure"]
    mine = {
        (one, other, number): found[at, number] * (sure[one] * sure[other]) ** POWER
        for at, (one, other) in enumerate(zip(persons, things, strict=True))
        for number in np.flatnonzero(found[at])
    }
    rows = zip(golden["shots.persons"], golden["shots.things"], golden["shots.hois"], strict=True)
    theirs = dict(zip(rows, golden["shots.scores"], strict=True))
    assert mine.keys() == theirs.keys()
    assert list(mine.values()) == pytest.approx([theirs[key] for key in mine], rel=1e-3, abs=1e-7)
    assert found.sum(1) == pytest.approx(1)


def test_memory_is_drawn_the_same_way_every_time(files: dict[str, Path]) -> None:
    one, other = (shots.memory_of(files["memory"], 1) for _ in range(2))
    assert len(one.both) == 600
    assert np.array_equal(one.both, other.both)
    assert np.linalg.norm(one.persons, axis=1) == pytest.approx(1)


def clip(**meta: str) -> Clip:
    return Clip(id="0", uri="/v.mp4", end=2.0, width=200, height=150, fps=10, meta=meta)


@pytest.fixture(params=["trained", "untrained"])
def spec(request: pytest.FixtureRequest, files: dict[str, Path], monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """The settings of either mode; with smaller pictures than the real ones, for the time that they take."""
    monkeypatch.setattr(finder, "SHORT", 160)
    names = ("checkpoint",) if request.param == "trained" else ("detr", "memory")
    return {"clip": str(files["clip"]), "device": "cpu", **{name: str(files[name]) for name in names}}


def test_the_measure_takes_it_by_name(spec: dict[str, Any]) -> None:
    measure = CoarseHoi(observer={"ada_cm": spec}, theta=0.001)
    assert measure.looking.sampling.short_side == 800
    assert "names no licence" in uses.notices([measure.looking.observer])[0]
    score = score_of(measure, clip(verb="hold", object="mouse"), world.pictures(), TIMES)
    assert score.value is not None
    assert score.parts["coarse_any"] == 1.0
    shown = score.detail["frames"][0]["pairs"][0]
    assert 0 < max(shown["verbs"].values()) <= shown["score"] <= 1
    assert score.detail["weights"][0]["licence"] == "none stated by its authors"
    assert score.detail["theta"] == 0.001
    violin = score_of(measure, clip(verb="play", object="violin"), world.pictures(), TIMES)
    assert violin.value is None
    assert "no object 'violin'" in violin.detail["undefined"]["coarse_hoi"]


def test_frames_one_by_one_score_as_together(spec: dict[str, Any]) -> None:
    settings = {
        name: Path(value) if name in ("checkpoint", "detr", "memory") else value for name, value in spec.items()
    }
    find = AdaCm(**settings)
    assert find.question(clip(verb="hold", object="mouse")) == "", "it looks without being asked"
    together = frames_of(find, clip(), world.pictures(), TIMES)
    alone = frames_of(AdaCm(**settings, batch=1), clip(), world.pictures(), TIMES)
    for one, other in zip(together, alone, strict=True):
        for pair, same in zip(one.pairs or (), other.pairs or (), strict=True):
            assert pair.verbs == pytest.approx(same.verbs, rel=0.02, abs=1e-5)


def test_texts_are_those_of_the_model(files: dict[str, Path]) -> None:
    """The classes' features are CLIP's own of the sentences, not of length 1."""
    from transformers import AutoTokenizer, CLIPModel

    verbs = networks.trained(own(str(files["checkpoint"])), str(files["clip"]))
    model = CLIPModel.from_pretrained(files["clip"]).eval()
    tokens = AutoTokenizer.from_pretrained(files["clip"])(["a photo of a umbrella"], return_tensors="pt")
    with torch.no_grad():
        told = model.text_projection(model.text_model(**tokens).pooler_output)[0]
    mine = verbs.objects[sentences.coco().index("umbrella")]
    assert mine.numpy() == pytest.approx(told.numpy(), abs=1e-5)


def test_sentences() -> None:
    assert sentences.of_objects()[:2] == ["a photo of a person", "a photo of a bicycle"]
    assert "a photo of an airplane" in sentences.of_objects()
    told = sentences.of_pairs()
    assert (told[0], told[9]) == ("a photo of a person boarding an airplane", "a photo of a person and an airplane")
    assert {"a photo of a person standing under a umbrella", "a photo of a person cutting with a knife"} <= set(told)
    assert len(set(told)) == 600


def test_a_grid_is_averaged_over_boxes_as_a_plain_mean_where_they_are_whole_cells() -> None:
    grid = torch.arange(2 * 8 * 8, dtype=torch.float32).reshape(2, 8, 8)
    [whole] = trained.region_means(grid, [(0.25, 0.25, 0.75, 0.5)])
    assert whole.tolist() == pytest.approx(grid[:, 2:4, 2:6].mean((1, 2)).tolist())
    [none] = trained.region_means(grid, [(0.5, 0.5, 0.5, 0.9)])
    assert none.tolist() == [0, 0]
    [beyond] = trained.region_means(torch.ones(1, 8, 8), [(0.5, 0.0, 1.5, 1.0)])
    assert 0.5 < float(beyond) < 0.65, "what lies beyond the picture counts as nothing"


def test_few_and_unsure_boxes_are_kept_all_the_same() -> None:
    found = [
        Detection(label="person", score=score, box=(at, 0, at + 1, 1))
        for at, score in ((0, 0.9), (2, 0.05), (4, 0.01), (6, 0.001))
    ]
    persons, things = chosen(found, 0.2, 3, 15)
    assert [each.score for each in persons] == [0.9, 0.05, 0.01]
    assert things == []


def test_sizes_are_rounded_as_the_authors_do() -> None:
    assert finder.size_for(640, 480) == (1066, 800)
    assert finder.size_for(480, 640) == (800, 1066)
    assert finder.size_for(1920, 1080) == (1333, 750)
    assert finder.size_for(1066, 800) == (1066, 800)


def test_crops_are_whole_and_square() -> None:
    image = np.full((40, 60, 3), 200, np.uint8)
    square = reading.crop(image, (0.0, 0.25, 0.5, 0.5))
    assert square.shape == (30, 30, 3)
    assert (square[0] == 0).all()
    assert (square[15] == 200).all()
    assert reading.crop(image, (0.99, 0.99, 1.4, 1.4)).shape[0] >= 1


def test_bad_files_are_told(files: dict[str, Path], tmp_path: Path) -> None:
    state = tensors()
    torch.save({"model_state_dict": {**state, "box_proj_mlp.layers.0.weight": torch.ones(1)}}, tmp_path / "other.pt")
    with pytest.raises(SetupError, match=r"other\.pt: box_proj_mlp.* no part of ADA-CM's published detectors"):
        networks.trained(own(str(tmp_path / "other.pt")), str(files["clip"]))
    with pytest.raises(SetupError, match=r"detr\.pth.*no part of ADA-CM's|detr\.pth is no checkpoint of ADA-CM"):
        networks.trained(own(str(files["detr"])), str(files["clip"]))
    torch.save({"model": {"class_embed.weight": torch.ones(92, 4)}}, tmp_path / "coco.pth")
    with pytest.raises(SetupError, match=r"coco\.pth: no input_proj\.weight"):
        networks.boxes(own(str(tmp_path / "coco.pth")))
    (tmp_path / "evil.p").write_bytes(pickle.dumps(Evil()))
    with pytest.raises(SetupError, match=r"evil\.p cannot be read: .*system is no array"):
        shots.memory_of(tmp_path / "evil.p", 8)
    (tmp_path / "poor.p").write_bytes(pickle.dumps({"a.jpg": {"hois": np.array([1])}}))
    with pytest.raises(SetupError, match=r"poor\.p: a\.jpg has no boxes_h"):
        shots.memory_of(tmp_path / "poor.p", 8)
    with pytest.raises(UsageError, match="no such file"):
        AdaCm(checkpoint=tmp_path / "none.pt", clip=str(files["clip"])).load()


class Evil:
    def __reduce__(self) -> Any:
        import os

        return os.system, ("touch /tmp/should-not-be-there",)


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({}, "either checkpoint"),
        ({"detr": Path("a")}, "either checkpoint"),
        ({"checkpoint": Path("a"), "memory": Path("b")}, "either checkpoint"),
        ({"checkpoint": Path("a"), "threshold": 1.5}, "threshold"),
        ({"checkpoint": Path("a"), "temperature": 0}, "temperature"),
        ({"checkpoint": Path("a"), "batch": 0}, "batch"),
    ],
)
def test_bad_settings_are_told(settings: dict[str, Any], told: str) -> None:
    with pytest.raises(ValueError, match=told):
        AdaCm(**settings)
