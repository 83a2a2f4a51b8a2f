"""Models of the hub as an observer: real architectures, tiny and at random; what goes in and out is checked apart."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import golden_poses
import numpy as np
import pytest
import tiny_hoi

from hoigen.core.clip import Clip
from hoigen.core.errors import SetupError, UsageError
from hoigen.measures.fine_hoi import FineHoi
from hoigen.models import load as loading
from hoigen.models import room, uses
from hoigen.models.uses import ModelUse
from hoigen.observe import boxes, poses, propagate
from hoigen.observe.boxes import BoxFinder, texts
from hoigen.observe.detections import Box
from hoigen.observe.follow import Held
from hoigen.observe.frame import ObservedFrame
from hoigen.observe.geometry import over
from hoigen.observe.hub_model import HubModel
from hoigen.observe.masks import segmented
from hoigen.observe.models import Models
from hoigen.observe.poses import find_points
from hoigen.observe.propagate import Carrier
from looking import frames_of, score_of
from render import texture

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")

PICTURES = [texture(seed, (90, 120)) for seed in range(3)]


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models")
    for make in (tiny_hoi.rt_detr, tiny_hoi.grounding_dino, tiny_hoi.sam2, tiny_hoi.sam2_video, tiny_hoi.vitpose):
        make(folder / make.__name__)
    return folder


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def finder(models: Path, name: str, threshold: float = 0.3) -> BoxFinder:
    return BoxFinder(hub_model("boxes", models / name), threshold)


def hub_model(build: str, folder: Path, batch: int = 8) -> HubModel:
    return HubModel(build, str(folder), "cpu", "float32", batch)


def carrier(models: Path) -> Carrier:
    return Carrier(room.load(hub_model("carried", models / "sam2_video").network))


def test_boxes_of_fixed_classes_are_those_of_the_library(models: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(boxes, "ALIKE", 2.0)  # the library leaves twins in
    found = finder(models, "rt_detr", 0.5)
    assert found.classes == ("person", "cup", "sports_ball", "tv"), "by HICO-DET's names"
    mine = found(PICTURES, ["cup"])
    inputs = found.model.processor("images")(images=PICTURES, return_tensors="pt")
    with torch.inference_mode():
        said = found.model.loaded.model.model(pixel_values=inputs["pixel_values"])
    said.logits = said.logits[..., 1:2]  # the library keeps one class a box when there is but one
    theirs = found.model.processor("images").post_process_object_detection(
        said, threshold=0.5, target_sizes=[(90, 120)] * 3
    )
    assert sum(map(len, mine)) > 3
    for own, other in zip(mine, theirs, strict=True):
        assert [each.score for each in own] == pytest.approx(other["scores"].tolist(), abs=1e-5)
        clipped = other["boxes"].numpy().clip(0, [120, 90, 120, 90])
        assert np.array([each.box for each in own]) == pytest.approx(clipped, abs=1e-3)


def test_a_box_is_one_thing_and_twins_are_one_box(models: Path) -> None:
    found = finder(models, "rt_detr", 0.05)
    for row in found(PICTURES, ["person", "cup"]):
        for at, each in enumerate(row):
            assert all(other.label != each.label or over(other.box, each.box) < 0.7 for other in row[:at])
    assert found(PICTURES, ["violin"]) == [[], [], []]


def test_words_are_as_sure_as_their_own_tokens(models: Path) -> None:
    """Each class is read at the tokens of its own words, a queer one in pieces, and nowhere else."""
    found = finder(models, "grounding_dino", 0.0)
    words_of = found.model.processor("tokenizer")
    [(text, spans)] = texts(
        words_of, ["person", "violin", "sports_ball", "hair_drier"], found.model.loaded.facts["longest"]
    )
    assert text == "person. violin. sports ball. hair dryer."
    tokens = words_of(text)["input_ids"]
    words = {name: words_of.convert_ids_to_tokens([tokens[at] for at in spans[name]]) for name in spans}
    assert words == {
        "person": ["person"],
        "violin": ["vio", "##lin"],
        "sports_ball": ["sports", "ball"],
        "hair_drier": ["hair", "dryer"],
    }
    inputs = found.model.processor("images")(images=PICTURES[:1], return_tensors="pt")
    with torch.inference_mode():
        said = found.model.loaded.model.model(**inputs, **words_of([text], return_tensors="pt"))
    chances = said.logits.sigmoid()[0].numpy()
    best = {name: max(chances[query][spans[name]].max() for query in range(len(chances))) for name in spans}
    mine: dict[str, float] = {}
    for each in found(PICTURES[:1], list(spans))[0]:
        mine[each.label] = max(mine.get(each.label, 0.0), each.score)
    assert mine
    assert all(score <= best[name] + 1e-5 for name, score in mine.items())
    assert max(mine.values()) == pytest.approx(max(best.values()), abs=1e-5)


def test_boxes_of_words_are_those_of_the_library(models: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from transformers import GroundingDinoProcessor

    monkeypatch.setattr(boxes, "ALIKE", 2.0)
    found = finder(models, "grounding_dino", 0.0)
    words_of = found.model.processor("tokenizer")
    processor = GroundingDinoProcessor(found.model.processor("images"), words_of)
    inputs = processor(images=PICTURES[:2], text=["cup."] * 2, return_tensors="pt")
    with torch.inference_mode():
        said = found.model.loaded.model.model(**inputs)
    at = inputs["input_ids"][0].tolist().index(words_of.convert_tokens_to_ids("cup"))
    said.logits = said.logits[..., at : at + 1]
    theirs = [
        [(score, box) for score, box in zip(said.logits[picture, :, 0].sigmoid().tolist(), rows.tolist(), strict=True)]
        for picture, rows in enumerate(said.pred_boxes)
    ]
    for own, other in zip(found(PICTURES[:2], ["cup"]), theirs, strict=True):
        expected = []
        for score, (x, y, wide, tall) in sorted(other, reverse=True):
            corners = np.array([x - wide / 2, y - tall / 2, x + wide / 2, y + tall / 2]).clip(0, 1)
            expected.append([score, *(corners * [120, 90, 120, 90])])
        assert np.array([[each.score, *each.box] for each in own]) == pytest.approx(np.array(expected), abs=1e-3)


def test_many_words_go_in_several_texts(models: Path) -> None:
    found = finder(models, "grounding_dino")
    longest = found.model.loaded.facts["longest"]
    words_of = found.model.processor("tokenizer")
    told = texts(words_of, ["person", "cup"] + [f"tool{letter}" for letter in "abcdefghij"], longest)
    assert len(told) > 1
    assert all(len(words_of(text)["input_ids"]) <= 32 for text, _ in told)
    assert [name for _, spans in told for name in spans][:3] == ["person", "cup", "toola"]


BOXES: list[list[Box]] = [[(10, 20, 60, 80)], [], [(30.5, 5, 100, 45.25), (0, 0, 120, 90)]]


def whole(mask: Any) -> np.ndarray:
    picture = np.zeros((90, 120), bool)
    height, width = mask.pixels.shape
    picture[mask.top : mask.top + height, mask.left : mask.left + width] = mask.pixels
    return picture


def test_masks_are_what_the_model_says_of_these_boxes(models: Path) -> None:
    """Asked directly, one picture at a time and with boxes scaled by hand."""
    segment = hub_model("masks", models / "sam2")
    found = segmented(segment, PICTURES, BOXES)
    assert [len(row) for row in found] == [1, 0, 2]
    for picture, mine, row in zip(PICTURES, BOXES, found, strict=True):
        for (x0, y0, x1, y1), mask in zip(mine, row, strict=True):
            scaled = torch.tensor([[[x0 * 64 / 120, y0 * 64 / 90, x1 * 64 / 120, y1 * 64 / 90]]])
            with torch.inference_mode():
                said = segment.loaded.model.model(
                    pixel_values=segment.loaded.model.pixels([picture]), input_boxes=scaled, multimask_output=False
                )
                logits = torch.nn.functional.interpolate(said.pred_masks[0], (90, 120), mode="bilinear")
            assert (whole(mask) == (logits[0, 0] > 0).numpy()).mean() > 0.999
            assert mask.source == "sam2"


def test_pictures_are_stretched_and_normalised_as_the_library_says(models: Path) -> None:
    from PIL import Image

    segment = hub_model("masks", models / "sam2")
    mean, std = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])
    small = np.array(Image.fromarray(PICTURES[0]).resize((64, 64), Image.Resampling.BILINEAR), float)
    expected = ((small / 255 - mean) / std).transpose(2, 0, 1)
    made = segment.loaded.model.pixels(PICTURES[:1])[0].numpy()
    assert np.abs(made - expected).max() < 1.01 / 255 / 0.224, "one step of gray"


def test_masks_come_back_in_pixels_of_the_picture(models: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A decoder that says: a disc at the middle of the box. It lies there in the picture, at any shape of picture."""
    segment = hub_model("masks", models / "sam2")
    model = segment.loaded.model.model
    told: list[Any] = []
    encode = model.prompt_encoder.forward
    monkeypatch.setattr(
        model.prompt_encoder, "forward", lambda **given: told.append(given["input_boxes"]) or encode(**given)
    )

    def disc(**given: Any) -> Any:
        box = told[-1][0, :, :] / 4  # in pixels of the mask, a quarter of the square
        grid = torch.arange(16) + 0.5
        x, y = ((box[:, at] + box[:, at + 2]) / 2 for at in (0, 1))
        away = (grid[None, None] - x[:, None, None]) ** 2 + (grid[None, :, None] - y[:, None, None]) ** 2
        return (9 - away)[None, :, None], torch.ones(1, len(box), 1), None, None

    monkeypatch.setattr(model.mask_decoder, "forward", disc)
    [[mask]] = segmented(segment, PICTURES[:1], [[(60.0, 15.0, 90.0, 45.0)]])
    rows, columns = np.nonzero(whole(mask))
    assert (columns.mean() + 0.5, rows.mean() + 0.5) == pytest.approx((75, 30), abs=1.0)
    assert np.ptp(columns) + 1 == pytest.approx(2 * 3 * 120 / 16, abs=3)
    assert np.ptp(rows) + 1 == pytest.approx(2 * 3 * 90 / 16, abs=3)


def test_an_empty_mask_becomes_an_ellipse_that_says_so(models: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    segment = hub_model("masks", models / "sam2")
    nothing = (torch.full((1, 1, 1, 16, 16), -9.0), torch.ones(1, 1, 1), None, None)
    monkeypatch.setattr(segment.loaded.model.model.mask_decoder, "forward", lambda **_: nothing)
    [[mask]] = segmented(segment, PICTURES[:1], BOXES[:1])
    assert mask.source == "ellipse"


def test_checkpoints_filed_under_the_video_model_load(models: Path) -> None:
    """As facebook/sam2.1-hiera-* are."""
    segment = hub_model("masks", models / "sam2_video")
    assert len(segmented(segment, PICTURES[:1], BOXES[:1])[0]) == 1


def held(box: Box, time: float, label: str = "cup") -> Held:
    return Held(label=label, score=0.8, box=box, seen=time)


def test_masks_are_carried_as_the_library_carries_them(models: Path) -> None:
    """The same pictures and the same box as one video that is held whole, nothing forgotten."""
    from transformers.models.sam2_video.modeling_sam2_video import Sam2VideoInferenceSession

    carry = carrier(models)
    pictures = [texture(at // 3, (90, 120)) for at in range(12)]
    box: Box = (10, 20, 60, 80)
    mine = [carry.carry(picture, at / 8, [held(box, 0)] if at == 0 else []) for at, picture in enumerate(pictures)]

    whole = {"video": carry.masks.pixels(pictures), "video_height": 90, "video_width": 120, "dtype": torch.float32}
    session = Sam2VideoInferenceSession(**whole)
    scaled = torch.tensor([[[[box[0] * 64 / 120, box[1] * 64 / 90], [box[2] * 64 / 120, box[3] * 64 / 90]]]])
    told = {"point_coords": scaled, "point_labels": torch.tensor([[[2, 3]]], dtype=torch.int32)}
    session.add_point_inputs(session.obj_id_to_idx(7), 0, told)
    session.obj_with_new_inputs = [7]
    model = carry.masks.model
    areas = []
    with torch.inference_mode():
        for at in range(12):
            said = model(inference_session=session, frame_idx=at)
            logits = torch.nn.functional.interpolate(said.pred_masks, (90, 120), mode="bilinear")
            areas.append(int((logits > 0).sum()) if said.object_score_logits.item() > 0 else 0)
    assert [sum(int(mask.pixels.sum()) for _, mask in row) for row in mine] == pytest.approx(areas, rel=0.02, abs=5)
    assert areas[0] > 0
    assert len(set(areas)) > 3, "the pictures matter"
    assert {mask.source for row in mine for _, mask in row} == {"sam2_video, propagated"}


def test_what_is_carried_is_bounded_and_forgotten_with_the_clip(models: Path) -> None:
    carry = carrier(models)
    for at in range(20):
        carry.carry(PICTURES[at % 3], at / 8, [held((10, 20, 60, 80), at / 8), held((60, 5, 100, 45), at / 8, "bowl")])
    session = carry._session
    assert len(session.processed_frames) == 1
    assert max(len(each["non_cond_frame_outputs"]) for each in session.output_dict_per_obj.values()) < 8
    labels = [each.held.label for each in carry._carried]
    assert (labels.count("cup"), labels.count("bowl")) >= (1, 1)
    assert len(labels) <= 6
    other = carrier(models)
    assert other.carry(PICTURES[0], 0.0, []) == []


def test_a_lost_object_is_shown_again_and_a_kept_one_is_not(models: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A model that sees a thing in the upper left quarter, but for one frame."""
    carry = carrier(models)
    shown: list[int] = []
    frame = 0

    def seen(inference_session: Any, **_: Any) -> Any:
        shown.append(len(inference_session.obj_with_new_inputs))
        logits = torch.full((1, 1, 16, 16), -5.0)
        logits[..., :8, :8] = 5.0
        there = torch.tensor([[-3.0 if frame == 2 else 3.0]])
        return type("Said", (), {"pred_masks": logits, "object_score_logits": there})()

    monkeypatch.setattr(carry.masks.model, "forward", seen)
    monkeypatch.setattr(propagate, "forget", lambda *_: None)
    rows = []
    for frame in range(5):
        rows.append(carry.carry(PICTURES[0], frame / 8, [held((0, 0, 58, 44), frame / 8)]))
    assert [len(row) for row in rows] == [1, 1, 0, 1, 1]
    assert shown == [1, 0, 0, 1, 0]
    assert rows[4][0][0].box == pytest.approx((0, 0, 60, 45), abs=1)


def test_heat_maps_are_read_as_the_library_does() -> None:
    """Golden values of transformers' VitPoseImageProcessor, by golden_poses.py."""
    golden = np.load(golden_poses.FILE)
    for maps, box, points in zip(golden_poses.heat_maps(), golden_poses.BOXES, golden["points"], strict=True):
        assert poses.peaks(maps, poses.region(box, golden_poses.SIZE)) == pytest.approx(points, abs=1e-3)


def test_persons_are_cut_out_as_the_library_does() -> None:
    """Equal within the picture; at its edge the two fade to black differently."""
    golden, picture = np.load(golden_poses.FILE), golden_poses.picture()
    for pixels, box in zip(golden["pixels"], golden_poses.BOXES, strict=True):
        region = poses.region(box, golden_poses.SIZE)
        mine = poses.warped(picture, region, golden_poses.SIZE)
        within = poses.warped(np.full_like(picture, 255), region, golden_poses.SIZE)[..., 0] == 255
        assert within.mean() > 0.3
        assert np.abs(mine[within].astype(int) - pixels.transpose(1, 2, 0)[within]).max() <= 1


def test_points_come_back_to_where_they_were(models: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A model that says where the brightest spot of its piece is: the spot of the picture, whatever the box."""
    find = hub_model("points", models / "vitpose", 2)

    def brightest(pixels: Any, **_: Any) -> Any:
        light = pixels.mean(1)
        y, x = ((light - light.amin((1, 2), True)) ** 4).flatten(1).argmax(1) // 48, light.flatten(1).argmax(1) % 48
        grid_y, grid_x = torch.meshgrid(torch.arange(64.0), torch.arange(48.0), indexing="ij")
        bells = torch.exp(-((grid_x - x[:, None, None]) ** 2 + (grid_y - y[:, None, None]) ** 2) / 8)
        return type("Said", (), {"heatmaps": bells[:, None].repeat(1, 17, 1, 1)})()

    monkeypatch.setattr(find.loaded.model.model, "forward", brightest)
    picture = np.zeros((90, 120, 3), np.uint8)
    picture[39:42, 69:72] = 255
    many: list[Box] = [(50, 10, 90, 80), (60, 30, 80, 60), (20, 20, 110, 70)]
    for points in find_points(find, [picture], [many])[0]:
        assert points.shape == (17, 3)
        assert points[:, :2] == pytest.approx(np.full((17, 2), [70, 40]), abs=2.0)


@pytest.mark.parametrize(("points", "experts"), [(17, 6), (133, 6), (133, 1)])
def test_whole_bodies_and_mixtures(tmp_path: Path, points: int, experts: int) -> None:
    find = hub_model("points", tiny_hoi.vitpose(tmp_path / "one", points, experts), 4)
    [[found]] = find_points(find, PICTURES[:1], [[(10, 10, 60, 80)]])
    assert found.shape == (points, 3)
    assert np.isfinite(found).all()


def test_a_batch_is_no_different_from_one_at_a_time(models: Path) -> None:
    find = hub_model("points", models / "vitpose", 2)
    together = find_points(find, PICTURES, BOXES)
    alone = [find_points(find, [picture], [mine])[0] for picture, mine in zip(PICTURES, BOXES, strict=True)]
    for row, other in zip(together, alone, strict=True):
        assert len(row) == len(other)
        assert all(a == pytest.approx(b, abs=1e-3) for a, b in zip(row, other, strict=True))


def test_layouts() -> None:
    points = np.column_stack([np.arange(133.0), np.arange(133.0) * 2, np.full(133, 0.9)])
    person = poses.person_of(points, None)
    assert person is not None
    assert person.points["left_wrist"] == (9, 18)
    assert person.points["right_ankle"] == (16, 32)
    assert person.points["left_heel"] == (19, 38)
    assert person.points["right_foot_index"] == (20, 40)
    assert person.points["mouth_right"] == (71, 142)
    assert [hand[0].tolist() for hand in person.hands] == [[91, 182], [112, 224]]
    points[100:, 2] = 0.1
    dim = poses.person_of(points, (0, 0, 5, 5))
    assert dim is not None
    assert (len(dim.hands), dim.box) == (0, (0, 0, 5, 5))
    assert poses.person_of(points * [1, 1, 0], None) is None
    with pytest.raises(ValueError, match="21 points: 17, 23, 133 are known"):
        poses.person_of(points[:21], None)


def observer(models: Path, boxes_by: str = "rt_detr", **settings: Any) -> Models:
    names = {"boxes": boxes_by, "masks": "sam2", "points": "vitpose"}
    given = {name: str(models / folder) for name, folder in names.items()}
    return Models(**{**given, "device": "cpu", "batch": 3, "threshold": 0.4} | settings)


def clip(**meta: Any) -> Clip:
    return Clip(id="0", uri="", end=1.0, width=120, height=90, fps=10, meta=meta)


def facts(frames: Sequence[ObservedFrame]) -> list[Any]:
    rows = []
    for frame in frames:
        things = [
            (t.label, [round(s, 2) for s in t.box], int(t.mask.pixels.sum()) // 20, t.mask.source)
            for t in frame.things or ()
        ]
        rows.append((frame.size, [[round(s, 2) for s in p.box] for p in frame.persons or ()], things))
    return rows


@pytest.mark.parametrize("boxes_by", ["rt_detr", "grounding_dino"])
def test_what_is_seen_does_not_depend_on_the_batch(models: Path, boxes_by: str) -> None:
    times = [0.0, 0.1, 0.2]
    together = frames_of(observer(models, boxes_by), clip(object="cup"), PICTURES, times)
    alone = frames_of(observer(models, boxes_by, batch=1), clip(object="cup"), PICTURES, times)
    assert facts(together) == facts(alone)
    assert all(frame.size == (120, 90) for frame in together)
    assert any(frame.persons or frame.things for frame in together)


def labels_of(frames: Sequence[ObservedFrame]) -> set[str]:
    return {thing.label for frame in frames for thing in frame.things or ()}


def test_fixed_classes_are_looked_for_without_being_asked(models: Path) -> None:
    find = observer(models)
    asked, unasked = (frames_of(find, clip(**meta), PICTURES, [0.0, 1.0, 2.0]) for meta in ({"object": "cup"}, {}))
    assert find.question(clip(object="cup")) == find.question(clip()) == ""
    assert facts(asked) == facts(unasked)
    assert {"cup", "sports_ball", "tv"} <= labels_of(unasked)


def test_words_are_asked_for_the_object_of_the_prompt(models: Path) -> None:
    find = observer(models, "grounding_dino")
    assert find.question(clip(verb="tune", object="Violin")) == "object: violin"
    assert find.question(clip(verb="tune")) == ""
    assert labels_of(frames_of(find, clip(object="cup"), PICTURES, [0.0, 1.0, 2.0])) <= {"cup"}
    assert "person" not in labels_of(frames_of(find, clip(), PICTURES, [0.0, 1.0, 2.0]))


def test_a_memory_of_few_objects_is_asked_too(models: Path) -> None:
    assert observer(models, propagate=True).question(clip(object="cup")) == "object: cup"


def test_models_that_are_not_here_yet_are_taken_to_be_asked() -> None:
    assert Models(boxes="no/where").question(clip(object="cup")) == "object: cup"


def fine(models: Path, **settings: Any) -> FineHoi:
    names = {"boxes": "rt_detr", "masks": "sam2", "points": "vitpose"}
    given = {name: str(models / folder) for name, folder in names.items()} | {"batch": 4, "threshold": 0.4} | settings
    own = {name: settings[name] for name in ("undefined", "bridge") if name in settings}
    return FineHoi(observer={"models": {name: value for name, value in given.items() if name not in own}}, **own)


def scored(measure: FineHoi, thing: str | None) -> Any:
    images = [texture(at // 5, (90, 120)) for at in range(10)]
    return score_of(measure, clip(verb="hold", object=thing), images, [at / 10 for at in range(10)])


@pytest.mark.parametrize("masks", ["sam2", "sam2_video", "grabcut"])
def test_the_whole_measure(models: Path, masks: str) -> None:
    measure = fine(models, masks=masks if masks == "grabcut" else str(models / masks), propagate=masks == "sam2_video")
    score = scored(measure, "cup")
    detail = json.loads(json.dumps(score.detail, allow_nan=False))
    assert (detail["observer"], detail["frames"]) == ("models", 10)
    names = [name for name in ("rt_detr", masks, "vitpose") if name != "grabcut"]
    assert [model["name"] for model in detail["models"]] == names
    assert all(model["revision"].startswith("local:") and model["licence"] == "not known" for model in detail["models"])
    assert score.value is not None or detail["reason"]
    alone = scored(fine(models, **{**measure.observer["models"], "batch": 1}), "cup").value
    assert alone == (None if score.value is None else pytest.approx(score.value, abs=1e-4))


def test_an_object_that_the_detector_has_no_word_for_is_undefined(models: Path) -> None:
    score = scored(fine(models, undefined="one"), "violin")
    assert score.value is None
    assert "no object 'violin'" in score.detail["reason"]
    words = scored(fine(models, boxes=str(models / "grounding_dino")), "violin").detail.get("reason", "")
    assert "no object" not in words


def test_models_are_part_of_the_fingerprint(models: Path, tmp_path: Path) -> None:
    from hoigen.models.fingerprint import fingerprint

    one = fingerprint(observer(models))
    assert one == fingerprint(observer(models, batch=1, device="auto")), "these change nothing that is seen"
    others = [observer(models, threshold=0.5), observer(models, masks="grabcut"), observer(models, "grounding_dino")]
    others.append(observer(models, points=str(tiny_hoi.vitpose(tmp_path / "other", 133))))
    assert len({one, *map(fingerprint, others)}) == 5


def test_names_with_a_revision() -> None:
    assert uses.of_hub("owner/name@v1.0") == ModelUse("owner/name", "hub", revision="v1.0")
    assert uses.of_hub("owner/name") == ModelUse("owner/name", "hub")
    assert loading.identity("owner/name@" + "a" * 40) == {"model": "owner/name", "revision": "a" * 40}


def test_models_of_another_kind_say_so(models: Path, tmp_path: Path) -> None:
    with pytest.raises(SetupError, match=r"masks: .*rt_detr is a model of type 'rt_detr'; it can be sam2, sam2_video"):
        _ = hub_model("masks", models / "rt_detr").loaded
    with pytest.raises(SetupError, match="gives 9 points"):
        _ = hub_model("points", tiny_hoi.vitpose(tmp_path / "odd", 9)).loaded
    few = tiny_hoi.rt_detr(tmp_path / "few", ("cup", "bowl"))
    with pytest.raises(UsageError, match="no class `person`"):
        observer(models, boxes=str(few), masks="grabcut").load()


@pytest.mark.parametrize(
    "wrong",
    [
        {"propagate": True, "masks": "grabcut"},
        {"dtype": "int8"},
        {"batch": 0},
        {"threshold": 1.5},
        {"boxes": ""},
    ],
)
def test_wrong_settings(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        Models(**wrong)
