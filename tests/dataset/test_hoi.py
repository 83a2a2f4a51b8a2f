"""Annotations of interactions: boxes lie where things are in the exported picture, and say who said so."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from exporting import export, task_of

from hoigen.core.errors import UsageError
from hoigen.data.annotations import Annotation, Annotations
from hoigen.data.run import Run
from hoigen.dataset.formats.hoi import COCO_IDS, check
from hoigen.dataset.readback import faults
from hoigen.interactions import hico
from render import render
from run_folders import curated

PERSON, CUP = (60, 20, 100, 90), (90, 40, 110, 60)
"""Of a picture of 160x96: a red person, and a blue cup that goes to the right, two pixels a frame."""


def shifted(at: int) -> tuple[int, int, int, int]:
    return CUP[0] + 2 * at, CUP[1], CUP[2] + 2 * at, CUP[3]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A run of one video of 20 frames, with a recording of what is in each, and people's word for it."""
    folder = tmp_path_factory.mktemp("hoi")
    pictures = []
    for at in range(20):
        image = np.full((96, 160, 3), 128, np.uint8)
        for (x0, y0, x1, y1), colour in ((PERSON, (220, 30, 30)), (shifted(at), (30, 30, 220))):
            image[y0:y1, x0:x1] = colour
        pictures.append(image)
    path = render(folder / "cup.mp4", pictures, fps=10, options={"crf": "5", "g": "1"})
    lines: list[dict[str, Any]] = [{"hoigen_detections": 1, "detector": "Ann", "verbs": "hico", "objects": "hico"}]
    for at in range(20):
        pair = {"person": PERSON, "object": shifted(at), "class": "cup", "score": 0.9, "verbs": {"hold": 0.8}}
        weak = {"person": PERSON, "object": (0, 0, 20, 20), "class": "chair", "score": 0.1, "verbs": {"sit_on": 0.9}}
        lines.append({"video": str(path), "time": at / 10, "size": [160, 96], "pairs": [pair, weak]})
    (folder / "seen.jsonl").write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    observer = {"recorded": {"file": str(folder / "seen.jsonl")}}
    measures = [{"coarse_hoi": {"observer": observer}}]
    curated(videos=str(path), run=folder / "run", measures=measures, keep={})
    made = Run(folder / "run")
    [clip] = [row["id"] for row in made.clips.read(0)]
    Annotations(made).append([Annotation(clip=clip, question="good", value="yes", who="bob", tool="test")])
    return made


def test_boxes_lie_where_things_are_in_the_cropped_and_scaled_picture(run: Run, tmp_path: Path) -> None:
    task = task_of(run, "hoi", tmp_path / "out", fps=10.0, frames=(9,), sizes=((64, 48),), take="start")
    assert export(task).samples == 1
    rows = json.loads((tmp_path / "out" / "hico.json").read_text())
    numbers = [int(row["file_name"][-9:-4]) for row in rows]
    assert len(numbers) == 4, "four of the eight that were looked at lie in the nine frames that were taken"
    assert max(numbers) < 9
    for row in rows:
        image = cv2.imread(str(tmp_path / "out" / row["file_name"]))[..., ::-1].astype(int)
        assert image.shape == (48, 64, 3)
        boxes = {each["category_id"]: each["bbox"] for each in row["annotations"]}
        assert boxes.keys() == {COCO_IDS["person"], COCO_IDS["cup"]}
        blue = (image[..., 2] > 150) & (image[..., 0] < 90)
        ys, xs = np.nonzero(blue)
        assert boxes[COCO_IDS["cup"]] == pytest.approx([xs.min(), ys.min(), xs.max() + 1, ys.max() + 1], abs=1.1)
        [act] = row["hoi_annotation"]
        person, cup = row["annotations"][act["subject_id"]], row["annotations"][act["object_id"]]
        assert (person["category_id"], cup["category_id"]) == (COCO_IDS["person"], COCO_IDS["cup"])
        assert hico.verbs()[act["category_id"] - 1] == "hold"
        assert hico.pairs()[act["hoi_category_id"] - 1].text == "hold cup"


def test_who_said_what_is_marked(run: Run, tmp_path: Path) -> None:
    for people, kind in (("", "machine"), ("Ann", "human")):
        task = task_of(run, "hoi", tmp_path / kind, {"people": people}, fps=None, frames=(), sizes=())
        export(task)
        out = tmp_path / kind
        pairs = [json.loads(line) for line in (out / "pairs.jsonl").read_text().splitlines()]
        assert len(pairs) == 8
        assert {(p["verb"], p["verb_confidence"], p["by"], p["verb_by"], p["kind"]) for p in pairs} == {
            ("hold", 0.8, "Ann", "Ann", kind)
        }
        assert len({p["person_track"] for p in pairs}) == 1
        assert {p["object_track"] for p in pairs} & {p["person_track"] for p in pairs} == set()
        for pair in pairs:
            assert pair["object"] == [float(each) for each in shifted(pair["frame"])]
        [clip] = [json.loads(line) for line in (out / "clips.jsonl").read_text().splitlines()]
        assert clip["people"] == [{"question": "good", "value": "yes", "who": "bob", "kind": "human"}]
        assert (clip["by"], clip["kind"], clip["frames"]) == ("Ann", kind, 8)
        about = json.loads((out / "about.json").read_text())
        assert (about["frames"], about["boxes"], about["pairs"], about["interactions_by"]) == (8, 16, 8, {"Ann": 8})
        coco = json.loads((out / "coco.json").read_text())
        assert {each["image_id"] for each in coco["annotations"]} == {each["id"] for each in coco["images"]}
        assert coco["annotations"][0]["bbox"][2:] == [40.0, 70.0], "x, y, width, height"
        assert len(coco["categories"]) == 80


@pytest.mark.parametrize(
    ("damage", "told"),
    [
        (lambda row: row["annotations"].pop(), "a pair of a box that is not there"),
        (lambda row: row["annotations"][0].update(category_id=12), "no class of COCO's: 12"),
        (lambda row: row["annotations"][0].update(bbox=[5, 5, 5, 9]), "a box without an area"),
        (lambda row: row["hoi_annotation"][0].update(subject_id=1, object_id=0), "who acts is no person"),
        (lambda row: row["hoi_annotation"][0].update(category_id=118), "no verb of HICO-DET's"),
        (lambda row: row["hoi_annotation"][0].update(hoi_category_id=1), "is not what its verb and object say"),
        (lambda row: row.update(file_name="images/other.jpg"), "images/other.jpg is not there"),
    ],
)
def test_what_a_loader_would_stop_at_or_lose_is_found(run: Run, tmp_path: Path, damage: Any, told: str) -> None:
    task = task_of(run, "hoi", tmp_path / "out", fps=None, frames=(), sizes=())
    export(task)
    samples = list(task.samples())
    check(tmp_path / "out")
    assert faults(task.format, tmp_path / "out", samples) == []
    rows = json.loads((tmp_path / "out" / "hico.json").read_text())
    damage(rows[1])
    (tmp_path / "out" / "hico.json").write_text(json.dumps(rows))
    assert told in "; ".join(faults(task.format, tmp_path / "out", samples))


def test_a_run_without_observations_is_told_before_any_work(tmp_path: Path, tiny_video: Path) -> None:
    curated(videos=str(tiny_video), run=tmp_path / "run", keep={})
    with pytest.raises(UsageError, match="none of its measures goes by what an observer saw"):
        export(task_of(Run(tmp_path / "run"), "hoi", tmp_path / "out", fps=None, frames=(), sizes=()))
    assert not (tmp_path / "out").exists()


def test_cocos_numbers_are_those_of_hico_dets_objects() -> None:
    assert set(COCO_IDS) == set(hico.objects())
    assert len(set(COCO_IDS.values())) == 80
    assert (COCO_IDS["person"], COCO_IDS["cup"], COCO_IDS["toothbrush"]) == (1, 47, 90)
