"""Annotations of human-object interactions for perception: HICO-DET's JSON, COCO's, and a line for each pair."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, ClassVar

from hoigen.core.registry import format
from hoigen.core.settings import Setting
from hoigen.data.files import Folder
from hoigen.data.run import Run
from hoigen.dataset.contract import Export, Plain, Sample, Seen, Trainer
from hoigen.dataset.formats.videofolder import METADATA, TOLD, line, listed
from hoigen.dataset.seen import Looked, Looks, number_of
from hoigen.dataset.shape import Wants
from hoigen.interactions import hico
from hoigen.observe.detections import Box, Pair, as_name
from hoigen.observe.frame import ObservedFrame
from hoigen.observe.geometry import in_pixels, middle, over

HICO, COCO, PAIRS, CLIPS_FILE, ABOUT = "hico.json", "coco.json", "pairs.jsonl", "clips.jsonl", "about.json"
IMAGES = "images"
# fmt: off
COCO_IDS: Mapping[str, int] = dict(zip((
    "person", "bicycle", "car", "motorcycle", "airplane", "bus", "train", "truck", "boat", "traffic_light",
    "fire_hydrant", "stop_sign", "parking_meter", "bench", "bird", "cat", "dog", "horse", "sheep", "cow", "elephant",
    "bear", "zebra", "giraffe", "backpack", "umbrella", "handbag", "tie", "suitcase", "frisbee", "skis", "snowboard",
    "sports_ball", "kite", "baseball_bat", "baseball_glove", "skateboard", "surfboard", "tennis_racket", "bottle",
    "wine_glass", "cup", "fork", "knife", "spoon", "bowl", "banana", "apple", "sandwich", "orange", "broccoli",
    "carrot", "hot_dog", "pizza", "donut", "cake", "chair", "couch", "potted_plant", "bed", "dining_table", "toilet",
    "tv", "laptop", "mouse", "remote", "keyboard", "cell_phone", "microwave", "oven", "toaster", "sink", "refrigerator",
    "book", "clock", "vase", "scissors", "teddy_bear", "hair_drier", "toothbrush",
), (
    1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 27, 28, 31, 32, 33, 34, 35,
    36, 37, 38, 39, 40, 41, 42, 43, 44, 46, 47, 48, 49, 50, 51, 52, 53, 54, 55, 56, 57, 58, 59, 60, 61, 62, 63, 64, 65,
    67, 70, 72, 73, 74, 75, 76, 77, 78, 79, 80, 81, 82, 84, 85, 86, 87, 88, 89, 90,
), strict=True))
# fmt: on
"""COCO's 80 classes by HICO-DET's names, with COCO's numbers."""
_Act = tuple[str, float | None, str]
"""A verb, how surely, and who said so."""
SAME = 0.9
"""Intersection over union from which two boxes of one frame are one."""


@format("hoi")
class Hoi(Plain):
    """hico.json (HICO-DET as QPIC, CDN and others read it), coco.json, pairs.jsonl; the frames as JPEG, the clips.

    Boxes and pairs are what an observer of the run saw, verbs are the observer's, or those of the captions
    (`hoigen categories`), each marked with who said it; what people said of the clips is in clips.jsonl.
    """

    measure: Annotated[str, Setting("whose observations, where measures go by several observers")] = ""
    least: Annotated[float, Setting("score of boxes and pairs from which they are written", least=0, most=1)] = 0.3
    least_verb: Annotated[float, Setting("an observer's score of a verb, likewise", least=0, most=1)] = 0.3
    people: Annotated[str, Setting("the observer, as it calls itself, whose boxes people drew (`recorded`)")] = ""

    captioned: ClassVar[bool] = False
    trainer: ClassVar[Trainer] = Trainer(
        title="HOI detection (HICO-DET's JSON), COCO",
        source="hitachi-rd-cv/qpic@5489de3 datasets/hico.py: HICODetection",
        note="what machines saw is no ground truth: `kind` says who it was",
    )

    @property
    def wants(self) -> Wants:
        return Wants()

    def check(self, out: Folder, run: Run) -> str | None:
        Looks(run, self.measure)
        return None

    def write(self, export: Export) -> None:
        run = Run(export.run)
        looks, words, said = Looks(run, self.measure), _categories(run), _said(run)
        books = _Books()
        with export.out.writing(PAIRS) as file:
            for sample in export.samples():
                looked = looks.of(sample, export.shape.fit)
                row: dict[str, Any] = {"name": sample.name, "id": sample.id, "people": said.get(sample.id, [])}
                if isinstance(looked, str):
                    books.without[looked] += 1
                    books.clips.append(row | {"frames": 0, "why": looked})
                    continue
                books.clips.append(row | {"frames": len(looked.frames), "by": looked.by, "kind": self._kind(looked.by)})
                for told in self._frames(export, sample, looked, words.get(sample.id, ()), books):
                    file.write(json.dumps(told, ensure_ascii=False).encode() + b"\n")
        export.lines(METADATA, line)
        export.text(CLIPS_FILE, "".join(f"{json.dumps(row, ensure_ascii=False)}\n" for row in books.clips))
        export.text(HICO, json.dumps(books.hico) + "\n")
        export.text(COCO, json.dumps(books.coco()) + "\n")
        export.text(ABOUT, json.dumps(books.about() | {"observer": looks.observer}, indent=1) + "\n")

    def _kind(self, by: str) -> str:
        return "human" if self.people and by == self.people else "machine"

    def _frames(
        self, export: Export, sample: Sample, looked: Looked, words: tuple[tuple[str, str, str], ...], books: _Books
    ) -> Iterator[dict[str, Any]]:
        numbers = [number_of(frame.time, sample) for frame in looked.frames]
        _write_pictures(export, sample, set(numbers))
        boxes = [self._boxes(frame) for frame in looked.frames]
        tracks = _tracks(boxes, [frame.time for frame in looked.frames])
        for at, (frame, number) in enumerate(zip(looked.frames, numbers, strict=True)):
            image = picture_of(sample, number)
            pairs = []
            for who, what, pair in self._pairs(frame, boxes[at]):
                acts: list[_Act] = [
                    (verb, score, looked.by) for verb, score in pair.acts.items() if score >= self.least_verb
                ]
                acts = acts or [
                    (verb, None, f"captions ({by})") for verb, thing, by in words if thing == boxes[at][what][0]
                ]
                pairs.append((who, what, pair, acts))
                nothing: list[tuple[str | None, float | None, str | None]] = [(None, None, None)]
                for verb, score, by in acts or nothing:
                    thing = boxes[at][what][0]
                    found = hico.by_names().get((verb, thing)) if verb else None
                    yield {
                        "name": sample.name,
                        "image": image,
                        "frame": number,
                        "time": round(frame.time, 4),
                        "person": _pixels(boxes[at][who][1], sample),
                        "object": _pixels(boxes[at][what][1], sample),
                        "object_class": thing,
                        "person_track": tracks[at][who],
                        "object_track": tracks[at][what],
                        "confidence": round(pair.score, 4),
                        "verb": verb,
                        "verb_confidence": score,
                        "verb_by": by,
                        "hoi": found.hoi + 1 if found else None,
                        "by": looked.by,
                        "kind": self._kind(looked.by),
                    }
            books.add(image, sample, boxes[at], tracks[at], pairs, looked.by, self._kind(looked.by))

    def _boxes(self, frame: ObservedFrame) -> list[tuple[str, Box, float]]:
        """(class, box, score) of what is sure enough and has a class of HICO-DET's; a pair's own boxes among them."""
        found: list[tuple[str, Box, float]] = []
        given = [(as_name(each.label) or "", each.box, each.score) for each in frame.boxes or ()]
        for pair in frame.pairs or ():
            if pair.person and pair.box and pair.score >= self.least:
                given += [("person", pair.person, pair.score), (pair.object, pair.box, pair.score)]
        for label, box, score in sorted(given, key=lambda each: -each[2]):
            known = any(label == other and over(box, there) >= SAME for other, there, _ in found)
            if label in COCO_IDS and score >= self.least and not known:
                found.append((label, box, score))
        return found

    def _pairs(self, frame: ObservedFrame, boxes: list[tuple[str, Box, float]]) -> Iterator[tuple[int, int, Pair]]:
        """Numbers of the person's box and of the thing's, and the pair; each pair of boxes once, the surest."""
        from hoigen.measures.handling import pairs_of

        found = frame.pairs if frame.pairs is not None else pairs_of(frame)
        seen = set()
        for pair in sorted(found, key=lambda pair: -pair.score):
            if pair.person is None or pair.box is None or pair.score < self.least:
                continue
            who = _person(pair.person, boxes)
            what = next(
                (
                    at
                    for at, (label, box, _) in enumerate(boxes)
                    if label == pair.object and over(box, pair.box) >= SAME
                ),
                None,
            )
            if who is not None and what is not None and who != what and (who, what) not in seen:
                seen.add((who, what))
                yield who, what, pair

    def read(self, out: Path) -> Iterator[Seen]:
        check(out)
        for path, row in listed(out):
            yield Seen(path.stem, row["text"], path, told={key: row[key] for key in TOLD})


@dataclass(slots=True)
class _Books:
    """What the files hold, as it gathers."""

    hico: list[dict[str, Any]] = field(default_factory=list)
    images: list[dict[str, Any]] = field(default_factory=list)
    boxes: list[dict[str, Any]] = field(default_factory=list)
    clips: list[dict[str, Any]] = field(default_factory=list)
    without: Counter[str] = field(default_factory=Counter)
    pairs: int = 0
    acts: Counter[str] = field(default_factory=Counter)

    def add(
        self,
        image: str,
        sample: Sample,
        boxes: list[tuple[str, Box, float]],
        tracks: list[int],
        pairs: list[tuple[int, int, Pair, list[_Act]]],
        by: str,
        kind: str,
    ) -> None:
        number = len(self.images) + 1
        self.images.append({"id": number, "file_name": image, "width": sample.width, "height": sample.height})
        annotations = []
        for (label, box, sure), track in zip(boxes, tracks, strict=True):
            x0, y0, x1, y1 = pixels = _pixels(box, sample)
            told = {"category_id": COCO_IDS[label], "score": round(sure, 4), "track": track, "by": by, "kind": kind}
            annotations.append({"bbox": pixels} | told)
            size = [x0, y0, round(x1 - x0, 2), round(y1 - y0, 2)]
            more = {"id": len(self.boxes) + 1, "image_id": number, "area": round(size[2] * size[3], 2), "iscrowd": 0}
            self.boxes.append(more | {"bbox": size} | told)
        acts = []
        for who, what, _, said in pairs:
            self.pairs += 1
            for verb, score, verb_by in said:
                pair = hico.by_names().get((verb, boxes[what][0]))
                if pair is None:  # a verb that HICO-DET does not have of this object
                    continue
                self.acts[verb_by] += 1
                acts.append(
                    {
                        "subject_id": who,
                        "object_id": what,
                        "category_id": hico.verbs().index(verb) + 1,
                        "hoi_category_id": pair.hoi + 1,
                        "score": score,
                        "by": verb_by,
                        "kind": kind if verb_by == by else "machine",
                    }
                )
        self.hico.append({"file_name": image, "img_id": number, "annotations": annotations, "hoi_annotation": acts})

    def coco(self) -> dict[str, Any]:
        categories = [{"id": number, "name": name} for name, number in COCO_IDS.items()]
        return {"images": self.images, "annotations": self.boxes, "categories": categories}

    def about(self) -> dict[str, Any]:
        return {
            "clips": len(self.clips),
            "frames": len(self.images),
            "boxes": len(self.boxes),
            "pairs": self.pairs,
            "interactions_by": dict(self.acts),
            "clips_without": dict(self.without),
        }


def check(out: Path) -> None:
    """Raises ValueError where QPIC's loader, or COCO's, would stop or lose something.

    Args:
        out: the folder.
    """
    numbers = set(COCO_IDS.values())
    verbs = range(1, len(hico.verbs()) + 1)
    for row in json.loads((out / HICO).read_text(encoding="utf-8")):
        name, boxes = row["file_name"], row["annotations"]
        if not (out / name).is_file():
            raise ValueError(f"{name} is not there")
        for box in boxes:
            x0, y0, x1, y1 = box["bbox"]
            if box["category_id"] not in numbers:
                raise ValueError(f"{name}: no class of COCO's: {box['category_id']}")
            if not (x1 > x0 and y1 > y0):
                raise ValueError(f"{name}: a box without an area, which is left out: {box['bbox']}")
        for act in row["hoi_annotation"]:
            if not max(act["subject_id"], act["object_id"]) < len(boxes):
                raise ValueError(f"{name}: a pair of a box that is not there, for which the picture is left out")
            if boxes[act["subject_id"]]["category_id"] != COCO_IDS["person"]:
                raise ValueError(f"{name}: who acts is no person")
            if act["category_id"] not in verbs:
                raise ValueError(f"{name}: no verb of HICO-DET's: {act['category_id']}")
            pair = hico.pairs()[act["hoi_category_id"] - 1]
            there = boxes[act["object_id"]]["category_id"]
            if (hico.verbs()[act["category_id"] - 1], there) != (pair.verb, COCO_IDS[pair.object]):
                raise ValueError(f"{name}: {pair.text} is not what its verb and object say")


def picture_of(sample: Sample, number: int) -> str:
    """The file of a frame of a sample.

    Args:
        sample: the sample.
        number: of the frame.
    """
    return f"{IMAGES}/{sample.name}-{number:05d}.jpg"


def _write_pictures(export: Export, sample: Sample, numbers: set[int]) -> None:
    import cv2

    from hoigen import video

    missing = {number for number in numbers if not export.out.exists(picture_of(sample, number))}
    if not missing:
        return
    with export.local(sample) as path:
        for number, (image, _) in enumerate(video.walk(str(path), short_side=None)):
            if number in missing:
                _, data = cv2.imencode(".jpg", image[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 95])
                export.out.write(picture_of(sample, number), data.tobytes())


def _pixels(box: Box, sample: Sample) -> list[float]:
    return [round(each, 2) for each in in_pixels(box, (sample.width, sample.height))]


def _person(who: Box, boxes: list[tuple[str, Box, float]]) -> int | None:
    """The number of the person whose box this is, or, for a hand, in whose box its middle lies; the surest."""
    x, y = middle(who)
    persons = [(at, box) for at, (label, box, _) in enumerate(boxes) if label == "person"]
    same = [at for at, box in persons if over(box, who) >= SAME]
    inside = [at for at, box in persons if box[0] <= x <= box[2] and box[1] <= y <= box[3]]
    return next(iter(same + inside), None)


def _tracks(boxes: list[list[tuple[str, Box, float]]], times: list[float]) -> list[list[int]]:
    """For each box of each frame the number of its track, one for each thing of a class."""
    from hoigen.measures.fine.tracks import link

    found = [[-1] * len(row) for row in boxes]
    count = 0
    for label in sorted({each for row in boxes for each, _, _ in row}):
        places = [[at for at, (each, _, _) in enumerate(row) if each == label] for row in boxes]
        of_label = [[row[at][1] for at in there] for row, there in zip(boxes, places, strict=True)]
        for track in link(of_label, times, 0.0 if label == "person" else 0.5):
            for frame, at in track.items():
                found[frame][places[frame][at]] = count
            count += 1
    return found


def _categories(run: Run) -> dict[str, tuple[tuple[str, str, str], ...]]:
    """Clip -> (verb, object, who said so) of its caption, by HICO-DET's names; none where categories were not found."""
    import pyarrow.parquet as pq

    path = run.path / "categories" / "categories.parquet"
    if not path.is_file():
        return {}
    found: dict[str, list[tuple[str, str, str]]] = {}
    for row in pq.read_table(path, columns=["id", "hico_verb", "hico_object", "source"]).to_pylist():
        if row["hico_verb"] and row["hico_object"]:
            found.setdefault(row["id"], []).append((row["hico_verb"], row["hico_object"], row["source"]))
    return {name: tuple(dict.fromkeys(rows)) for name, rows in found.items()}


def _said(run: Run) -> dict[str, list[dict[str, str]]]:
    """Clip -> what people said of it."""
    from hoigen.data.annotations import Annotations

    found: dict[str, list[dict[str, str]]] = {}
    for row in Annotations(run).latest():
        if row.value is not None:
            told = {"question": row.question, "value": row.value, "who": row.who, "kind": "human"}
            found.setdefault(row.clip, []).append(told)
    return found
