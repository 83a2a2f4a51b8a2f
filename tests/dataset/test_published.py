"""The paper's sources: made-up trees of their documented layouts, the ledger of licences, and the documents."""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import hoigen
from hoigen.commands.cli import main
from hoigen.commands.sources import Handled
from hoigen.data.run import Run
from hoigen.dataset.mapping import Mapped
from hoigen.dataset.published import known
from hoigen.dataset.release import rights
from hoigen.video.header import probe
from run_folders import curated

REPO = Path(__file__).resolve().parents[2]
PAPER = ["BEHAVE", "InterCap", "HOI4D", "Panda-70M", "ViSR", "Mixkit", "Pixabay", "Pexels"]
"""HOIGen-1M, section 3.1, in its order."""


def picture(path: Path, shade: int, size: tuple[int, int] = (48, 64)) -> None:
    import cv2

    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), np.full((*size, 3), shade, np.uint8))


def listed(
    tmp_path: Path, name: str, *folders: Path, **how: Any
) -> tuple[Mapped, list[dict[str, Any]], Mapping[str, str]]:
    """The result, the rows that were written, and what is missing with its reason."""
    done = hoigen.sources(name, files=[str(each) for each in folders], out=tmp_path / "list.jsonl", **how)
    assert isinstance(done, Handled)
    assert done.mapped is not None
    rows = [json.loads(line) for line in done.mapped.out.read_text().splitlines()]
    with done.mapped.missing_out.open(newline="") as file:
        missing = {row["id"]: row["why"] for row in csv.DictReader(file)}
    assert done.mapped.rows == len(rows) + len(missing)
    return done.mapped, rows, missing


# what is known of them


def test_they_are_those_of_the_paper_and_each_has_its_row_in_the_ledger() -> None:
    assert [each.name for each in known().values()] == PAPER
    for source in known().values():
        entry = rights.sources()[source.name.casefold()]
        assert entry.name == source.name
        assert rights.licence_of("", source.name, {}) == (entry.licence or rights.NOT_STATED)
        for text in (source.what, source.where, source.how, source.index, source.layout):
            assert text, source.name


def test_the_document_says_what_the_ledger_says() -> None:
    page = (REPO / "docs" / "sources.md").read_text(encoding="utf-8")
    for source in known().values():
        entry = rights.sources()[source.name.casefold()]
        [row] = [line for line in page.splitlines() if line.startswith(f"| {source.name} |")]
        assert (
            f"| {entry.licence or 'not known'}, {f'read {entry.checked}' if entry.checked else 'page not opened'} |"
            in row
        )
        assert ("unverified" in row) == ("UNVERIFIED" in source.layout), source.name
        for commit in {word for word in source.layout.replace(":", " ").replace(".", " ").split() if len(word) == 40}:
            assert commit in page, f"{source.name}: {commit}"


def test_one_is_said_in_full_and_all_in_a_line_each(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["sources"]) == 0
    said = capsys.readouterr().out
    assert [line.split()[0] for line in said.splitlines()[:-1]] == PAPER
    assert main(["sources", "mixkit"]) == 0
    said = capsys.readouterr().out
    assert "licence not known (page not opened): what is not known is not passed on" in said
    assert "https://mixkit.co/" in said


# folders


def test_behave(tmp_path: Path, tiny_video: Path) -> None:
    root = tmp_path / "BEHAVE"
    sat = root / "sequences" / "Date03_Sub03_chairwood_sit"
    for second in (3, 4, 5):
        for camera in (0, 2):
            picture(sat / f"t{second:04d}.000" / f"k{camera}.color.jpg", 40 * second)
            picture(sat / f"t{second:04d}.000" / f"k{camera}.person_mask.jpg", 0)
    (sat / "info.json").write_text("{}")
    (root / "sequences" / "Date01_Sub01_yogaball" / "t0001.000" / "person").mkdir(parents=True)
    raw = root / "Date03_color"
    raw.mkdir()
    shutil.copy(tiny_video, raw / "Date03_Sub03_backpack_back.1.color.mp4")
    (raw / "Date03_Sub03_backpack_back.1.time.json").write_text("{}")
    split = root / "split.json"
    split.write_text(json.dumps({"train": [sat.name, "Date03_Sub03_backpack_back"], "test": ["Date07_Sub08_toolbox"]}))

    result, rows, missing = listed(tmp_path, "BEHAVE", root, index=str(split))
    assert [(row["id"], row["object"], row.get("action"), row["camera"]) for row in rows] == [
        ("Date03_Sub03_backpack_back.1", "backpack", "back", 1),
        (f"{sat.name}.0", "chair", "sit", 0),
        (f"{sat.name}.2", "chair", "sit", 2),
    ]
    assert {row["source"] for row in rows} == {"BEHAVE"}
    assert Path(rows[0]["uri"]) == raw / "Date03_Sub03_backpack_back.1.color.mp4"
    made = probe(rows[1]["uri"])
    assert (made.width, made.height, made.fps, made.duration) == (64, 48, 1.0, 3.0), (
        "one frame a second, as in its folders"
    )
    assert missing == {
        "Date01_Sub01_yogaball": "its folder has no frame of a camera",
        "Date07_Sub08_toolbox": "no folder or file of its name",
    }
    assert result.found == {"its frames, as a video": 2, "a video of it": 1}
    curated(videos=str(result.out), run=tmp_path / "run")
    run = Run(tmp_path / "run")
    clips = [row for shard in run.clips.shards() for row in run.clips.read(shard)]
    assert {json.loads(clip["meta"])["object"] for clip in clips} == {"backpack", "chair"}


def test_folders_in_one_another_and_another_rate(tmp_path: Path) -> None:
    for at in range(4):
        picture(tmp_path / f"B/Date01_Sub01_stool/t{at:04d}.000/k0.color.jpg", 40 * at)
        picture(tmp_path / f"I/03/05/Seg_0/Frames_Cam1/color/{at:05d}.jpg", 40 * at)
    _, [row], _ = listed(tmp_path, "BEHAVE", tmp_path / "B", tmp_path)
    assert probe(row["uri"]).duration == 4.0, "each moment once"
    for rate in (30.0, 10.0):
        (tmp_path / "list.jsonl").unlink()
        _, [row], _ = listed(tmp_path, "InterCap", tmp_path, fps=None if rate == 30.0 else rate)
        assert (probe(row["uri"]).fps, probe(row["uri"]).duration) == (rate, pytest.approx(4 / rate, abs=0.01))


def test_frames_of_two_sizes_or_that_are_none_are_missing_with_the_file(tmp_path: Path) -> None:
    root = tmp_path / "BEHAVE" / "sequences"
    for second, size in ((1, (48, 64)), (2, (32, 64))):
        picture(root / "Date01_Sub01_toolbox" / f"t{second:04d}.000" / "k0.color.jpg", 9, size)
    picture(root / "Date01_Sub01_stool" / "t0001.000" / "k0.color.jpg", 9)
    (root / "Date01_Sub01_stool" / "t0001.000" / "k0.color.jpg").write_bytes(b"no picture")
    result, rows, missing = listed(tmp_path, "behave", root)
    assert rows == []
    assert result.incomplete
    assert missing["Date01_Sub01_toolbox.0"].endswith("t0002.000/k0.color.jpg is 64x32, the first picture of it 64x48")
    assert missing["Date01_Sub01_stool.0"].endswith("k0.color.jpg is no picture that can be read")
    assert not list(tmp_path.rglob("*.part"))


def test_intercap(tmp_path: Path) -> None:
    root = tmp_path / "RGBD_Images"
    for camera in (1, 6):
        for at in range(6):
            picture(root / f"03/05/Seg_0/Frames_Cam{camera}/color/{at:05d}.jpg", 30 * at)
            picture(root / f"03/05/Seg_0/Frames_Cam{camera}/depth/{at:05d}.png", 0)
    (root / "03/09/Seg_1/Frames_Cam1/color").mkdir(parents=True)
    index = tmp_path / "expected.txt"
    index.write_text("# subject, thing, segment\n03_05_0\n10_10_2\n")
    result, rows, missing = listed(tmp_path, "InterCap", tmp_path, index=str(index), fps=15.0)
    assert [(row["id"], row["object"], row["camera"], "action" in row) for row in rows] == [
        ("03_05_0_1", "tennis racket", 1, False),
        ("03_05_0_6", "tennis racket", 6, False),
    ]
    assert (probe(rows[0]["uri"]).fps, probe(rows[0]["uri"]).duration) == (15.0, pytest.approx(0.4))
    assert missing == {"03_09_1_1": "its folder has no frame", "10_10_2": "no folder or file of its name"}
    assert "not verified" in str(result)


def test_hoi4d(tmp_path: Path, tiny_video: Path) -> None:
    videos, notes = tmp_path / "HOI4D_release", tmp_path / "HOI4D_annotations"

    def sequence(name: str, events: Any = None, *, video: bool = True, beside: bool = False) -> None:
        colour = videos / name / "align_rgb"
        colour.mkdir(parents=True)
        if video:
            shutil.copy(tiny_video, colour / "image.mp4")
        if events is not None:
            action = (videos if beside else notes) / name / "action"
            action.mkdir(parents=True)
            (action / "color.json").write_text(events if isinstance(events, str) else json.dumps(events))

    def event(what: str, start: float, end: float) -> dict[str, Any]:
        return {"event": what, "startTime": start, "endTime": end}

    mug = "ZY20210800001/H1/C2/N45/S260/s03/T5"
    clock = "ZY20210800002/H2/C6/N01/S01/s01/T1"
    chair, broken, frames, alone = (f"ZY20210800003/H1/C20/N0{at}/S01/s01/T3" for at in range(4))
    sequence(mug, {"events": [event("rest", 0, 0.4), event("Pickup", 0.4, 1.2), event("putdown", 1.2, 9.0)]})
    marks = [{"event": "open", "hdTimeStart": 0.2, "hdTimeEnd": 0.6}]
    sequence(clock, {"info": {"duration": 1.0}, "markResult": {"marks": marks}}, beside=True)
    sequence(chair)
    sequence(broken, "{")
    sequence(frames, video=False)
    for at in range(15):
        picture(videos / frames / "align_rgb" / f"{at:05d}.jpg", 10 * at)
    (notes / alone / "action").mkdir(parents=True)
    index = tmp_path / "release.txt"
    index.write_text(f"{mug}\n{clock}\nZY20210800004/H4/C8/N14/S71/s03/T2\n")

    result, rows, missing = listed(tmp_path, "HOI4D", videos, notes, index=str(index))
    told = {(row["id"], row["object"], row.get("action"), row.get("start"), row.get("end")) for row in rows}
    assert told == {
        (mug, "mug", "Pickup", 0.4, 1.2),
        (mug, "mug", "putdown", 1.2, 2.0),
        (clock, "safe", "open", 0.4, 1.2),
        (chair, "chair", "pick and place to a new position", None, None),
        (frames, "chair", "pick and place to a new position", None, None),
    }, "a clock of half the length is stretched; an end beyond the file's is its end"
    assert {row["task"] for row in rows if row["id"] == mug} == {"pour water into another mug"}
    [made] = [row["uri"] for row in rows if row["id"] == frames]
    assert (probe(made).fps, probe(made).duration) == (15.0, pytest.approx(1.0))
    assert {name: why.partition(":")[0] for name, why in missing.items()} == {
        broken: "its action/color.json cannot be read",
        alone: "has annotations and no align_rgb",
        "ZY20210800004/H4/C8/N14/S71/s03/T2": "no folder or file of its name",
    }
    assert sum(result.found.values()) == 5


def test_what_is_annotated_and_is_no_clip_is_missing_with_its_times(tmp_path: Path, tiny_video: Path) -> None:
    names = [f"ZY20210800003/H1/C2/N0{at}/S01/s01/T1" for at in range(2)]
    events = [
        {"event": "Pickup", "startTime": 0.4, "endTime": 1.2},
        {"event": "Carry", "startTime": "NaN", "endTime": 1.4},
        {"event": "open", "startTime": 1.3, "endTime": 1.3},
        {"event": "Push", "startTime": 2.5, "endTime": 3.0},
        {"event": "rest", "startTime": 3.0, "endTime": 2.0},
    ]
    for name, said in zip(names, ({"events": events}, {"info": {"duration": -4}, "events": events}), strict=True):
        for below in ("align_rgb", "action"):
            (tmp_path / "hoi4d" / name / below).mkdir(parents=True)
        shutil.copy(tiny_video, tmp_path / "hoi4d" / name / "align_rgb" / "image.mp4")
        (tmp_path / "hoi4d" / name / "action" / "color.json").write_text(json.dumps(said))
    index = tmp_path / "release.txt"
    index.write_text("".join(f"{name}/\n" for name in names))  # as `ls -d */` writes them
    done = hoigen.sources("hoi4d", files=[str(tmp_path / "hoi4d")], out=tmp_path / "list.jsonl", index=str(index))
    assert isinstance(done, Handled)
    assert done.mapped is not None
    assert [json.loads(line)["action"] for line in done.mapped.out.read_text().splitlines()] == ["Pickup"]
    with done.mapped.missing_out.open(newline="") as file:
        missing = [(row["id"], row["start"], row["end"], row["why"]) for row in csv.DictReader(file)]
    assert missing == [
        (names[0], "nan", "1.4", "Carry: its times are none"),
        (names[0], "1.3", "1.3", "open: its times are none"),
        (names[0], "2.5", "3.0", "Push: the video ends at 2.00 s, before it begins"),
        (names[1], "", "", "its action/color.json cannot be read: ValueError: the duration is -4"),
    ]
    assert done.mapped.rows == 5


def test_visr_is_files_of_videos(tmp_path: Path, tiny_video: Path) -> None:
    (tmp_path / "ViSR" / "deeper").mkdir(parents=True)
    shutil.copy(tiny_video, tmp_path / "ViSR" / "deeper" / "1.mp4")
    result, rows, _ = listed(tmp_path, "ViSR", tmp_path / "ViSR")
    assert [(row["id"], row["source"]) for row in rows] == [("deeper/1", "ViSR")]
    assert "not verified" in str(result)
    (tmp_path / "again").mkdir()
    _, rows, _ = listed(tmp_path / "again", "ViSR", tmp_path / "ViSR" / "deeper", tmp_path / "ViSR")
    assert [row["id"] for row in rows] == ["1"], "once, where one folder lies in another"


# lists


PANDA = """videoID,url,timestamp,caption,matching_score,desirable_filtering,shot_boundary_detection
PVNdZwPZUhY,https://www.youtube.com/watch?v=PVNdZwPZUhY,\
"[['0:00:00.000', '0:00:00.600'], ['0:00:00.600', '0:00:01.200'], ['0:00:01.200', '0:00:01.600'], \
['0:00:01.600', '0:00:02.000']]","['good', 'poor', 'still', 'cut']","[0.5, 0.3, 0.5, 0.5]",\
"['desirable', 'desirable', '1_still_foreground_image', 'desirable']",\
"[[['0:00:00.000', '0:00:00.600']], [['0:00:00.000', '0:00:00.600']], [['0:00:00.000', '0:00:00.400']], \
[['0:00:00.000', '0:00:00.100'], ['0:00:00.100', '0:00:00.400']]]"
"""


def test_panda_70m_and_rules_over_its_columns(tmp_path: Path, tiny_video: Path) -> None:
    (tmp_path / "have").mkdir()
    shutil.copy(tiny_video, tmp_path / "have" / "PVNdZwPZUhY.mp4")
    index = tmp_path / "panda70m_validation.csv"
    index.write_text(PANDA)
    result, rows, _ = listed(tmp_path, "Panda-70M", tmp_path / "have", index=str(index))
    assert [row["text"] for row in rows] == ["good", "poor", "still", "cut"]
    keep = {"matching_score": {"min": 0.43}, "desirable": {"min": 1}, "listed_shots": {"max": 1}}
    curated(videos=str(result.out), run=tmp_path / "run", measures=["panda_70m"], keep=keep)
    table = {row["start"]: (row["state"], row["rule"]) for row in hoigen.table(tmp_path / "run")}
    assert table == {
        0.0: ("kept", None),
        0.6: ("dropped", "matching_score"),
        1.2: ("dropped", "desirable"),
        1.6: ("dropped", "listed_shots"),
    }


OPEN_SORA_PLAN = [
    {
        "path": "mixkit/Woman/mixkit-woman-1.mp4",
        "cap": ["She paints.", "Another text."],
        "frame_idx": "10:35",
        "aes": 5.1,
    },
    {"path": "pexels/mixkit/mixkit-woman-1.mp4", "cap": "She rests.", "cut": [25, 45], "num_frames": 20, "fps": 25},
    {"path": "pixabay_v2/folder_01/cat-7.mp4", "cap": ["A cat."], "resolution": {"height": 1080, "width": 1920}},
    {"path": "pexels/5000-94/9.mp4", "cap": ["A dog."]},
    {"path": "plain.mp4", "cap": ["Plain."]},
]


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("Mixkit", [("She paints.", 0.4, 1.4), ("She rests.", 1.0, 1.8), ("Plain.", None, None)]),
        ("Pixabay", [("A cat.", None, None), ("Plain.", None, None)]),
        ("Pexels", [("Plain.", None, None)]),
    ],
)
def test_open_sora_plan(tmp_path: Path, tiny_video: Path, name: str, wanted: list[Any]) -> None:
    have = tmp_path / "have"
    for file in ("mixkit-woman-1.mp4", "cat-7_resize1080p.mp4", "plain.mp4"):
        have.mkdir(exist_ok=True)
        shutil.copy(tiny_video, have / file)
    index = tmp_path / "pixabay" / "llava_path_cap_64x512x512.json"  # the list's own folder says nothing of its rows
    index.parent.mkdir()
    index.write_text(json.dumps(OPEN_SORA_PLAN))
    _, rows, missing = listed(tmp_path, name, have, index=str(index))
    assert [(row["text"], row.get("start"), row.get("end")) for row in rows] == [
        (text, None if start is None else pytest.approx(start), None if end is None else pytest.approx(end))
        for text, start, end in wanted
    ]
    assert {row["source"] for row in rows} <= {name}
    assert missing == ({"9": "no file of its name"} if name == "Pexels" else {})


@pytest.mark.parametrize(
    ("row", "said"),
    [
        (
            {"path": "a.mp4", "cap": "A.", "frame_idx": "65"},
            "frame_idx is FIRST:END, two numbers of frames; it came as '65'",
        ),
        ({"path": "a.mp4", "cap": "A.", "frame_idx": "65:9"}, "frame_idx is FIRST:END"),
        ({"path": "a.mp4", "cap": "A.", "cut": [3, 9]}, "num_frames their number; they came as [3, 9] and None"),
    ],
)
def test_frames_of_a_list_that_are_none(
    tmp_path: Path, tiny_video: Path, row: dict[str, Any], said: str, capsys: Any
) -> None:
    (tmp_path / "list.json").write_text(json.dumps([row]))
    words = ["sources", "mixkit", "--files", str(tiny_video.parent), "--index", str(tmp_path / "list.json")]
    assert main([*words, "--out", str(tmp_path / "out.jsonl")]) == 2
    assert said in capsys.readouterr().err
    assert not (tmp_path / "out.jsonl").exists()


# what is asked amiss


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["behav"], "did you mean 'behave'?"),
        (["--out", "x.jsonl"], "--out without a source: hoigen sources NAME"),
        (["behave", "--files", "."], "--files: --out LIST says what to write"),
        (["behave", "--out", "x.jsonl"], "--files FOLDER: where its files are"),
        (["behave", "--files", "nowhere", "--out", "x.jsonl"], "nowhere: no such folder"),
        (
            ["behave", "--files", "empty", "--out", "x.jsonl"],
            "nothing there is laid out like BEHAVE: every NAME.K.color.mp4",
        ),
        (["behave", "--files", "empty", "--index", "no.json", "--out", "x.jsonl"], "--index no.json: no such file"),
        (
            ["behave", "--files", "empty", "--index", "bad.json", "--out", "x.jsonl"],
            "BEHAVE's split.json, an object with",
        ),
        (["panda-70m", "--files", "empty", "--out", "x.jsonl"], "--index LIST: Panda-70M is a list of clips"),
        (["behave", "--files", "empty", "--out", "bad.json"], "is there already"),
        (["panda-70m", "--fetch", "f"], "--fetch FOLDER goes with --index LIST"),
        (["panda-70m", "--index", "l.csv", "--out", "x.jsonl", "--rate", "1"], "--command and --rate go with --fetch"),
        (["panda-70m", "--index", "l.csv", "--fetch", "f", "--command", "get {url}"], "{path} must stand in it"),
        (["behave", "--index", "list.txt", "--fetch", "f"], "a list with the column url is needed"),
        (
            ["behave", "--index", "l.csv", "--fetch", "bad.json"],
            "a folder to download to; a file of that name is there",
        ),
        (["behave", "--index", "l.csv", "--fetch", "f", "--rate", "0"], "--rate: more than 0; it came as 0"),
        (["intercap", "--files", "empty", "--out", "x.jsonl", "--fps", "-3"], "--fps: more than 0; it came as -3"),
        (["visr", "--files", "empty", "--out", "x.jsonl", "--fps", "3"], "--fps: ViSR has no folders of frames"),
        (["pexels", "--index", "l.json", "--files", "empty", "--out", "x.jsonl", "--fps", "3"], "--fps: Pexels has no"),
        (["behave", "--index", "l.csv", "--fetch", "f", "--files", "empty"], "--files goes with --out LIST"),
        (["behave", "--index", "l.csv", "--fetch", "f", "--fps", "3"], "--fps goes with --out LIST"),
    ],
)
def test_what_is_asked_amiss(
    words: list[str], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    (tmp_path / "bad.json").write_text("[]")
    assert main(["sources", *words]) == 2
    assert said in capsys.readouterr().err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bad.json", "empty"]
