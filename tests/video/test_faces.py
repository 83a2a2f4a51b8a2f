"""Faces are found, followed and hidden: by the real detector, on a real face that is moved over a picture."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

import hoigen
from hoigen.core.clip import Clip, Sampling
from hoigen.core.errors import UsageError
from hoigen.models import files
from hoigen.models.nets.faces import FaceFinder
from hoigen.video import decode, probe, walk
from hoigen.video.cutting import cut_clip
from hoigen.video.faces import BY, HOLD, Box, Faces, faces_of
from render import render, texture
from run_folders import curated, in_this_process


@pytest.fixture(scope="module")
def face() -> np.ndarray:
    """The head of the cyclist of the sample footage, as (90, 90, 3)."""
    path = str(files.locate("sample_bikes").path)
    header, middle = probe(path), Sampling(frames=1, short_side=None)
    about = {"width": header.width, "height": header.height, "fps": float(header.fps)}
    image = decode(Clip(id="0", uri=path, start=4.06, end=4.26, **about), [middle])[middle].images[0]
    [found] = FaceFinder()(image)
    x0, y0, x1, y1 = (round(side * size) for side, size in zip(found.box, image.shape[1::-1] * 2, strict=True))
    more = round(0.6 * (y1 - y0))
    return cv2.resize(image[y0 - more : y1 + more, x0 - more : x1 + more], (90, 90), interpolation=cv2.INTER_CUBIC)


@pytest.fixture(scope="module")
def film(face: np.ndarray, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A second and a half in which the head goes from left to right."""
    pictures = []
    for n in range(24):
        picture = texture(7, (180, 320)) // 4 + 90
        picture[40:130, 20 + 8 * n : 110 + 8 * n] = face
        pictures.append(picture)
    return render(tmp_path_factory.mktemp("faces") / "head.mp4", pictures, fps=16)


def clip_of(path: Path) -> Clip:
    header = probe(str(path))
    about = {"width": header.width, "height": header.height, "fps": float(header.fps)}
    return Clip(id="head", uri=str(path), start=0.25, end=1.25, **about)


def found_in(path: Path) -> int:
    finder = FaceFinder()
    return sum(bool(finder(image)) for image, _ in walk(str(path), short_side=None))


def test_what_is_cut_shows_no_face_and_all_the_rest(film: Path, tmp_path: Path) -> None:
    clip = clip_of(film)
    plain = cut_clip(clip, tmp_path / "plain.mp4")
    faces = faces_of(clip, "recall")
    assert len(faces.tracks[0].times) == 5, "one face, followed from left to right, until the last frame"
    blurred = cut_clip(clip, tmp_path / "blurred.mp4", faces=faces)
    assert found_in(plain) >= 12
    assert found_in(blurred) == 0
    pairs = zip(walk(str(plain), short_side=None), walk(str(blurred), short_side=None), strict=True)
    for (one, at), (other, also) in pairs:
        assert at == pytest.approx(also)
        boxes = faces.at(at + clip.start)
        x0, y0, x1, y1 = (round(side * size) for side, size in zip(boxes[0], one.shape[1::-1] * 2, strict=True))
        head = 20 + 8 * round((at + clip.start) * 16)
        assert x0 <= head + 25, "the whole face at the moment of this very frame"
        assert x1 >= head + 65
        apart = np.abs(one.astype(int) - other)
        assert apart[y0:y1, x0:x1].mean() > 8
        for box in boxes:
            x0, y0, x1, y1 = (round(side * size) for side, size in zip(box, one.shape[1::-1] * 2, strict=True))
            apart[max(0, y0 - 4) : y1 + 4, max(0, x0 - 4) : x1 + 4] = 0
        assert apart.mean() < 1.5, "beside it nothing changes, but for how it is encoded"


def box_at(left: float) -> Box:
    return (left, 0.4, left + 0.1, 0.6)


def test_a_miss_between_two_finds_is_filled() -> None:
    faces = Faces(2)
    for time, boxes in ((1.0, [box_at(0.2)]), (1.2, []), (1.4, []), (1.6, [box_at(0.26)])):
        faces.see(time, boxes)
    assert len(faces.tracks) == 1
    [middle] = faces.at(1.3)
    assert middle == pytest.approx((0.23 - 0.035, 0.33, 0.33 + 0.035, 0.67))
    assert [len(faces.at(time)) for time in (0.9 - HOLD, 1.1 - HOLD, 1.5 + HOLD, 1.7 + HOLD)] == [0, 1, 1, 0]


def test_what_is_far_off_is_another_face_and_one_find_is_none() -> None:
    faces = Faces(2)
    faces.see(0.0, [box_at(0.1), box_at(0.7)])
    faces.see(0.2, [box_at(0.72), box_at(0.4)])
    assert [len(track.times) for track in faces.tracks] == [1, 2, 1]
    [box] = faces.at(0.1)
    assert box == pytest.approx((0.71 - 0.035, 0.33, 0.81 + 0.035, 0.67)), "the others were seen for a moment alone"
    faces.see(9.0, [box_at(0.72)])
    assert len(faces.tracks) == 4, "much later it may be anybody"


def test_what_is_asked_of_a_find_is_a_choice() -> None:
    """A face that is found once, or not for sure, is hidden where faces are not to be missed."""
    by = {name: Faces(finds) for name, (_, finds) in BY.items()}
    for faces in by.values():
        faces.see(0.0, [box_at(0.1)])
    assert (len(by["recall"].at(0.0)), len(by["precision"].at(0.0))) == (1, 0)
    assert BY["recall"][0] < BY["precision"][0] == 0.6, "as MediaPipe has it"


def test_the_command_notes_what_it_did_and_mixes_nothing(film: Path, tmp_path: Path) -> None:
    curated(videos=str(film), run=tmp_path / "run", measures=["metadata"], keep={})
    with pytest.raises(UsageError, match="--copy and --blur-faces"):
        hoigen.cut(tmp_path / "run", copy=True, blur_faces=True)
    with pytest.raises(UsageError, match="--faces: it goes with --blur-faces"):
        hoigen.cut(tmp_path / "run", faces="recall")
    with pytest.raises(UsageError, match="--faces: one of recall, precision; it came as 'all'"):
        hoigen.cut(tmp_path / "run", blur_faces=True, faces="all")  # type: ignore[arg-type]
    result = hoigen.cut(tmp_path / "run", blur_faces=True, workers=1, quiet=True)
    assert (result.cut, result.failed) == (1, {})
    [made] = (tmp_path / "run" / "cut").glob("*.mp4")
    assert found_in(made) == 0
    assert (tmp_path / "run" / "cut" / ".cut").read_text().startswith("blurred, recall\n")
    with pytest.raises(UsageError, match="were cut with --blur-faces; give another folder"):
        hoigen.cut(tmp_path / "run")
    with pytest.raises(UsageError, match="were cut with --blur-faces; give another folder"):
        hoigen.cut(tmp_path / "run", blur_faces=True, faces="precision")
    (tmp_path / "run" / "cut" / ".cut").unlink()
    with pytest.raises(UsageError, match=r"holds videos, and no \.cut says that their faces are hidden"):
        hoigen.cut(tmp_path / "run", blur_faces=True)


@pytest.mark.parametrize("shape", [{}, {"fps": 8.0, "frames": "9", "size": "256x144", "take": "start"}])
def test_what_is_exported_shows_no_face(film: Path, tmp_path: Path, shape: dict[str, Any]) -> None:
    listed = tmp_path / "list.jsonl"
    listed.write_text(json.dumps({"path": str(film), "text": "A head."}))
    curated(videos=str(listed), run=tmp_path / "run", measures=["metadata"], keep={})
    how: dict[str, Any] = {"to": "videofolder", "captions": "list", "workers": 1, "quiet": True, **shape}
    faces = {}
    for blur in (False, True):
        with in_this_process():
            hoigen.export(tmp_path / "run", out=str(tmp_path / str(blur)), blur_faces=blur, **how)
        [made] = (tmp_path / str(blur) / "videos").glob("*.mp4")
        faces[blur] = found_in(made)
    assert faces[False] >= 5
    assert faces[True] == 0
    with pytest.raises(UsageError, match="was made with faces 'blurred, recall', and now it is None"):
        hoigen.export(tmp_path / "run", out=str(tmp_path / "True"), **how)
    with pytest.raises(UsageError, match="--link and --blur-faces"):
        hoigen.export(tmp_path / "run", out=str(tmp_path / "new"), link=True, blur_faces=True, **how)
