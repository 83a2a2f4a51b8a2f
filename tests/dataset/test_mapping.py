"""Published lists and the files that one has."""

from __future__ import annotations

import csv
import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

import pytest

import hoigen
from hoigen.commands.cli import main
from hoigen.dataset.mapping import Mapped
from run_folders import curated


@pytest.fixture
def videos(tmp_path: Path, tiny_video: Path) -> Path:
    """Files of two seconds each: whole videos by their ids, and the fourth clip of one."""
    folder = tmp_path / "have"
    (folder / "deeper").mkdir(parents=True)
    for name in ("PVNdZwPZUhY", "deeper/A day out [0WjR6cSMi2A]", "celebv_-x_17_0to128", "twice", "deeper/twice"):
        shutil.copy(tiny_video, folder / f"{name}.mp4")
    shutil.copy(tiny_video, folder / "VLAOsxwD8ls.3.mp4")
    (folder / "unreadable1.mp4").write_bytes(b"no video")
    (folder / "notes.txt").write_text("no video either")
    return folder


def mapped(tmp_path: Path, videos: Path, name: str, text: str, *options: str) -> tuple[Mapped, list[Any], list[Any]]:
    listed = tmp_path / name
    listed.write_text(text)
    columns = [word for word in options if "=" in word]
    result = hoigen.map_list(str(listed), videos=[str(videos)], out=tmp_path / "out.jsonl", columns=columns)
    rows = [json.loads(line) for line in result.out.read_text().splitlines()]
    with result.missing_out.open() as file:
        return result, rows, list(csv.DictReader(file))


def panda_row(name: str, spans: list[tuple[str, str]], captions: list[str], scores: list[float]) -> str:
    times = [[f"0:{start}", f"0:{end}"] for start, end in spans]
    return f'{name},https://www.youtube.com/watch?v={name},"{times}","{captions}","{scores}"\n'


PANDA = (
    "videoID,url,timestamp,caption,matching_score\n"
    + panda_row("PVNdZwPZUhY", [("00:00.000", "00:01.000"), ("00:01.200", "00:09.000")], ["a", "b"], [0.5, 0.4])
    + panda_row(
        "VLAOsxwD8ls",
        [("01:00.0", "01:09.0"), ("02:00.0", "02:09.0"), ("03:00.0", "03:09.0"), ("04:00.0", "04:02.0")],
        ["c", "d", "e", "f"],
        [1, 1, 1, 1],
    )
    + panda_row("nothereatall", [("00:00.000", "00:01.000")], ["g"], [0.9])
)


def test_panda_70m(tmp_path: Path, videos: Path) -> None:
    result, rows, missing = mapped(tmp_path, videos, "panda70m_testing.csv", PANDA)
    assert (result.rows, sum(result.found.values()), len(missing)) == (7, 2, 5)
    assert [(Path(row["uri"]).name, row.get("start"), row.get("end"), row["text"]) for row in rows] == [
        ("PVNdZwPZUhY.mp4", 0.0, 1.0, "a"),
        ("VLAOsxwD8ls.3.mp4", None, None, "f"),
    ], "a stretch of the video, and the clip that somebody has cut already, whole"
    assert rows[0]["matching_score"] == 0.5
    assert [(row["id"], row["start"], row["why"]) for row in missing] == [
        ("PVNdZwPZUhY", "1.2", "its file ends at 2.00 s, before the stretch does"),
        *(("VLAOsxwD8ls", f"{60.0 * (at + 1)}", "no file of its name") for at in range(3)),
        ("nothereatall", "0.0", "no file of its name"),
    ]
    assert missing[-1]["url"] == "https://www.youtube.com/watch?v=nothereatall"
    assert "7 clips in the list, 2 found, 5 missing" in str(result)


def test_what_was_written_is_a_list_that_curate_takes(tmp_path: Path, videos: Path) -> None:
    mapped(tmp_path, videos, "panda.csv", PANDA)
    curated(videos=str(tmp_path / "out.jsonl"), run=tmp_path / "run", keep={})
    rows = list(hoigen_rows(tmp_path / "run"))
    assert [(Path(row["uri"]).name, row["start"], row["end"]) for row in rows] == [
        ("PVNdZwPZUhY.mp4", 0.0, 1.0),
        ("VLAOsxwD8ls.3.mp4", 0.0, pytest.approx(2.0)),
    ]


def hoigen_rows(run: Path) -> Any:
    from hoigen.data.run import Run

    folder = Run(run)
    for shard in folder.clips.shards():
        yield from folder.clips.read(shard)


def test_koala_36m_and_a_title_with_the_id_behind_it(tmp_path: Path, videos: Path) -> None:
    text = (
        "videoID,url,timestamp,caption,Clarity_score\n"
        "0WjR6cSMi2A,https://www.youtube.com/watch?v=0WjR6cSMi2A,\"['0:00:00.5', '0:00:01.5']\",A day.,0.9\n"
    )
    result, rows, _ = mapped(tmp_path, videos, "Koala_36M_1.csv", text)
    assert dict(result.found) == {"by name, and long enough": 1}
    assert (Path(rows[0]["uri"]).name, rows[0]["start"], rows[0]["end"]) == ("A day out [0WjR6cSMi2A].mp4", 0.5, 1.5)
    assert rows[0]["Clarity_score"] == "0.9"


def test_openvid_names_files(tmp_path: Path, videos: Path) -> None:
    text = (
        "video,caption,aesthetic score,motion score,temporal consistency score,camera motion,frame,fps,seconds\n"
        "celebv_-x_17_0to128.mp4,A face.,5.1,2.0,0.99,static,128,25,5.1\nnot_here.mp4,B.,5,2,0.9,pan,90,30,3\n"
    )
    result, rows, missing = mapped(tmp_path, videos, "OpenVid-1M.csv", text)
    assert [(row["id"], row["text"], row["camera motion"]) for row in rows] == [
        ("celebv_-x_17_0to128", "A face.", "static")
    ]
    assert [row["id"] for row in missing] == ["not_here"]
    assert result.note == ""


def test_hoigen_1m_is_said_to_be_unverified_and_its_columns_can_be_named(tmp_path: Path, videos: Path) -> None:
    text = "clip_key,begin,finish,mome\nPVNdZwPZUhY,0.2,1.8,A person cuts bread.\n"
    names = ("id=clip_key", "start=begin", "end=finish", "caption=mome")
    result, rows, _ = mapped(tmp_path, videos, "HOIGen_caption_info.csv", text, *names)
    assert (rows[0]["start"], rows[0]["end"], rows[0]["text"]) == (0.2, 1.8, "A person cuts bread.")
    assert "its layout is not verified" in result.note
    assert "--columns" in str(result)


def test_digests_decide_where_names_do_not(tmp_path: Path, videos: Path) -> None:
    sha = hashlib.sha256((videos / "PVNdZwPZUhY.mp4").read_bytes()).hexdigest()
    (videos / "deeper" / "twice.mp4").write_bytes((videos / "deeper" / "twice.mp4").read_bytes() + b"other")
    other = hashlib.md5((videos / "deeper" / "twice.mp4").read_bytes()).hexdigest()
    text = "".join(
        f"{json.dumps(row)}\n"
        for row in (
            {"path": "another_name.mp4", "digest": sha, "text": "by content"},
            {"path": "twice.mp4", "digest": other, "text": "the second"},
            {"path": "twice.mp4", "text": "which"},
            {"path": "unreadable1.mp4", "text": "broken"},
            {"path": "PVNdZwPZUhY.mp4", "digest": "0" * 64, "text": "replaced"},
            {"path": "PVNdZwPZUhY.mp4", "digest": "crc:1", "text": "unknown"},
        )
    )
    result, rows, missing = mapped(tmp_path, videos, "list.jsonl", text)
    assert [row["text"] for row in rows] == ["by content", "the second"]
    assert Path(rows[1]["uri"]) == videos / "deeper" / "twice.mp4"
    assert [row["why"][:30] for row in missing] == [
        "2 files have its name",
        "its file cannot be read as a v",
        "a file of its name has another",
        "its digest is none of md5, sha",
    ]
    assert result.rows == len(rows) + len(missing)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--columns", "name=x"], "--columns name=x: ROLE=NAME"),
        (["--columns", "id=nowhere"], "no column 'nowhere'. Columns here: videoID, url"),
        (["--videos", "/nowhere"], "--videos /nowhere: no such folder"),
        (["--out", "/nowhere/x.jsonl"], "no such folder /nowhere"),
        (["--out", "/nowhere/x.parquet"], "its rows are JSON lines: a name that ends in .jsonl"),
    ],
)
def test_bad_input_is_one_error_and_nothing_is_written(
    tmp_path: Path, videos: Path, capsys: pytest.CaptureFixture[str], options: list[str], said: str
) -> None:
    listed = tmp_path / "panda.csv"
    listed.write_text(PANDA)
    given = [] if "--videos" in options else ["--videos", str(videos)]
    where = [] if "--out" in options else ["--out", str(tmp_path / "new" / "out.jsonl")]
    (tmp_path / "new").mkdir()
    assert main(["map", str(listed), *given, *where, *options]) == 2
    assert said in capsys.readouterr().err
    assert list((tmp_path / "new").iterdir()) == []


def test_a_list_of_another_shape_and_a_folder_without_videos(
    tmp_path: Path, videos: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "shape.csv").write_text("a,b\n1,2\n")
    (tmp_path / "panda.csv").write_text(PANDA.replace("0:00:09.000", "nine"))
    for name, where, said in (
        ("shape.csv", videos, "--columns id=NAME says which column names the videos"),
        ("panda.csv", videos, "panda.csv, line 2: timestamp[1] is two times"),
        ("panda.csv", tmp_path / "empty", "no video files there"),
        ("not_here.csv", videos, "no such manifest"),
    ):
        out = tmp_path / "out.jsonl"
        assert main(["map", str(tmp_path / name), "--videos", str(where), "--out", str(out)]) == 2
        assert said in capsys.readouterr().err
        assert not out.exists()
        assert not (tmp_path / "out.missing.csv").exists()
