"""What goes in: every format, and a clear word on what cannot be read."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
import os
import re
import tracemalloc
from datetime import time, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from conftest import SHARED
from hoigen.commands.curate import curate
from hoigen.core.errors import UsageError
from hoigen.data.run import Run
from hoigen.data.sources import Source, manifests, read_sources
from hoigen.data.sources.rows import ALIASES, FOLDERS, time_of
from hoigen.data.sources.source import MANIFEST_SUFFIXES, PACKED_SUFFIXES
from hoigen.data.videolist import write_videos


def touch(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"")


def names(videos: Any, base: Path, said: list[str] | None = None) -> list[str]:
    """Paths relative to `base`."""
    say = (said if said is not None else []).append
    return [os.path.relpath(s.uri, base) for s in read_sources(videos, say=say)]


def rows(path: Path, text: str | bytes) -> list[Source]:
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return list(read_sources(path))


CASES = SHARED / "cases" / "lists"


def refused(path: Path, text: str | bytes) -> str:
    with pytest.raises(UsageError) as error:
        rows(path, text)
    assert str(path) in str(error.value)
    return str(error.value).removeprefix(str(path))


# folders, globs, single videos


def test_a_folder_is_read_in_order_with_what_lies_below(tmp_path: Path) -> None:
    touch(tmp_path, "b.mp4", "a/x.MKV", "a/ü 1.webm", "c/deep/er/y.mov", "z.mp4")
    assert names(tmp_path, tmp_path) == ["a/x.MKV", "a/ü 1.webm", "b.mp4", "c/deep/er/y.mov", "z.mp4"]
    assert names(str(tmp_path) + "/", tmp_path) == names(tmp_path, tmp_path)


def test_what_stays_out_of_a_folder_is_counted(tmp_path: Path) -> None:
    touch(tmp_path, "a.mp4", "notes.txt", "a/b.jpg", "._a.mp4", "noext", ".trash/old.mp4")
    os.mkfifo(tmp_path / "pipe.mp4")
    said: list[str] = []
    assert names(tmp_path, tmp_path, said) == ["a.mp4"]
    assert len(said) == 1
    assert said[0].startswith(f"6 files in {tmp_path} stay out")


def test_records_beside_videos_are_no_surprise(tmp_path: Path) -> None:
    touch(tmp_path, "m/a-0.mp4", "m/a-0.json", "m/.lock-0-of-1")
    said: list[str] = []
    assert names(tmp_path, tmp_path, said) == ["m/a-0.mp4"]
    assert said == []
    touch(tmp_path, "m/b-0.json")  # a record whose video is lost
    assert names(tmp_path, tmp_path, said) == ["m/a-0.mp4"]
    assert said[0].startswith(f"1 file in {tmp_path}")


def test_what_may_have_been_meant_is_named_with_the_reason(tmp_path: Path) -> None:
    touch(tmp_path, "a.mp4", "b.3g2", "c.asf", "d.divx", "thumbs/1.jpg", "thumbs/2.png")
    for n in range(30):
        touch(tmp_path, f"frames/{n:05}.png")
    still = b"RIFF\0\0\0\0WEBPVP8X" + bytes([10, 0, 0, 0])
    (tmp_path / "still.webp").write_bytes(still + bytes(20))
    (tmp_path / "dance.webp").write_bytes(still + bytes([2]) + bytes(20))
    (tmp_path / "still.avif").write_bytes(b"\0\0\0\x1cftypavif\0\0\0\0avifmif1miaf" + b"avis" * 9)
    (tmp_path / "tilt.avif").write_bytes(b"\0\0\0\x1cftypavis\0\0\0\0avifavismsf1")
    for name, chunks in (("still.png", b"pHYsIDATacTL"), ("turn.png", b"pHYsacTLIDAT")):
        (tmp_path / name).write_bytes(b"\x89PNG\r\n\x1a\n" + chunks)
    said: list[str] = []
    assert names(tmp_path, tmp_path, said) == ["a.mp4", "b.3g2", "c.asf", "d.divx"]
    assert said[:4] == [
        f"stays out: {tmp_path}/dance.webp: an animated WebP, which FFmpeg does not read",
        f"stays out: {tmp_path}/tilt.avif: an animated AVIF: named .mp4 it is read",
        f"stays out: {tmp_path}/turn.png: an animated PNG: named .apng it is read",
        f"stays out: {tmp_path}/frames: 30 pictures, not a video (ffmpeg -framerate 25 -i ... makes one of frames)",
    ]
    assert said[4].startswith(f"38 files in {tmp_path} stay out")
    with pytest.raises(UsageError, match="no videos in"):
        names(tmp_path / "frames", tmp_path, said)
    assert "30 pictures, not a video" in said[5]


def test_links_are_followed_once_and_broken_ones_go_in(tmp_path: Path) -> None:
    touch(tmp_path / "elsewhere", "v.mp4")
    touch(tmp_path / "in", "a.mp4")
    (tmp_path / "in" / "linked").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "in" / "loop").symlink_to(tmp_path / "in")
    (tmp_path / "in" / "gone.mp4").symlink_to(tmp_path / "nowhere.mp4")
    assert names(tmp_path / "in", tmp_path / "in") == ["a.mp4", "gone.mp4", "linked/v.mp4"]


def test_a_folder_without_videos_says_what_is_there(tmp_path: Path) -> None:
    touch(tmp_path, "a.txt")
    with pytest.raises(UsageError, match=r"no videos in .* \(1 other files are\); videos end in .*\.mp4"):
        names(tmp_path, tmp_path)


def test_globs(tmp_path: Path) -> None:
    touch(tmp_path, "p1/a.mp4", "p1/a.txt", "p2/sub/b.mp4", "q/c.mp4", "d.dat")
    assert names(f"{tmp_path}/p?/*", tmp_path) == ["p1/a.mp4", "p2/sub/b.mp4"], "folders that match are read"
    assert names(f"{tmp_path}/**/*.mp4", tmp_path) == ["p1/a.mp4", "p2/sub/b.mp4", "q/c.mp4"]
    assert names(f"{tmp_path}/*.dat", tmp_path) == ["d.dat"], "asked for by its suffix"
    with pytest.raises(UsageError, match="no file matches"):
        names(f"{tmp_path}/*.webm", tmp_path)
    with pytest.raises(UsageError, match="no videos match"):
        names(f"{tmp_path}/p1/*xt*", tmp_path)


def test_a_file_whose_name_looks_like_a_glob(tmp_path: Path) -> None:
    touch(tmp_path, "clip [1].mp4", "what?.mp4")
    assert names(tmp_path / "clip [1].mp4", tmp_path) == ["clip [1].mp4"]
    assert names(tmp_path / "what?.mp4", tmp_path) == ["what?.mp4"]


def test_a_file_that_is_named_goes_in_whatever_it_is(tmp_path: Path) -> None:
    touch(tmp_path, "video", "photo.jpg")
    assert names(tmp_path / "video", tmp_path) == ["video"]
    assert names([str(tmp_path / "photo.jpg"), str(tmp_path / "gone.mp4")], tmp_path) == ["photo.jpg", "gone.mp4"]


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("gone", "no such folder, video or manifest: .*gone. Allowed: a folder, a glob"),
        ("gone.csv", "no such manifest"),
        ("list.txt", "comes in on stdin: --videos - <"),
    ],
)
def test_what_is_not_there_or_no_list(tmp_path: Path, name: str, said: str) -> None:
    touch(tmp_path, "list.txt")
    with pytest.raises(UsageError, match=said):
        list(read_sources(tmp_path / name))


@pytest.mark.parametrize("videos", ["", "  ", 3, [3]])
def test_what_is_no_path(videos: Any) -> None:
    with pytest.raises(UsageError, match="videos"):
        list(read_sources(videos))


def test_a_list_may_mix_folders_manifests_and_videos(tmp_path: Path) -> None:
    touch(tmp_path, "f/a.mp4", "f/b.mp4", "c.mp4")
    (tmp_path / "l.csv").write_text("uri\nd.mp4\n")
    parts = [tmp_path / "f", str(tmp_path / "c.mp4"), tmp_path / "l.csv", f"{tmp_path}/f/b*"]
    assert names(parts, tmp_path) == ["f/a.mp4", "f/b.mp4", "c.mp4", "d.mp4", "f/b.mp4"]


def test_a_list_on_stdin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    text = "\ufeffa b.mp4\r\n\n  # no\n/x/y.mp4\ns3://b/k.mp4\nü.mp4"
    found = [s.uri for s in read_sources("-", stdin=io.StringIO(text))]
    assert found == [f"{tmp_path}/a b.mp4", "/x/y.mp4", "s3://b/k.mp4", f"{tmp_path}/ü.mp4"]
    with pytest.raises(UsageError, match="holds no path"):
        list(read_sources("-", stdin=io.StringIO("# none\n")))
    with pytest.raises(UsageError, match="stdin is not UTF-8"):
        list(read_sources("-", stdin=io.TextIOWrapper(io.BytesIO(b"a\xff.mp4"), encoding="utf-8")))


# object stores


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> Any:
    import fsspec

    monkeypatch.setenv("HOIGEN_SCHEMES", "memory")  # a store in memory, which nothing but tests has a use for
    memory = fsspec.filesystem("memory")
    memory.store.clear()
    yield memory
    memory.store.clear()


def test_folders_globs_and_manifests_on_a_store(store: Any) -> None:
    for name in ("/b/a.mp4", "/b/sub/c.webm", "/b/t.txt", "/b/bare"):
        store.pipe(name, b"x")
    store.pipe("/b/l.jsonl", b'{"uri": "sub/c.webm"}\n{"uri": "/q.mp4", "end": 2}\n{"uri": "s3://x/y.mp4"}')
    said: list[str] = []
    found = [s.uri for s in read_sources("memory://b", say=said.append)]
    assert found == ["memory:///b/a.mp4", "memory:///b/sub/c.webm"]
    assert said[0].startswith("3 files in memory://b stay out")
    assert [s.uri for s in read_sources("memory://b/*.mp4")] == ["memory:///b/a.mp4"]
    assert [s.uri for s in read_sources("memory://b/bare")] == ["memory:///b/bare"]
    assert [s.uri for s in read_sources("memory://b/l.jsonl")][::2] == ["memory://b/sub/c.webm", "s3://x/y.mp4"]
    with pytest.raises(UsageError, match="no such folder, video or manifest: memory://none"):
        list(read_sources("memory://none"))
    with pytest.raises(UsageError, match=r"cannot read memory://none\.csv"):
        list(read_sources("memory://none.csv"))


@pytest.mark.parametrize("uri", ["https://h/v.mp4?sig=a*b[1]", "s3://bucket/k.mp4", "memory://gone.mp4"])
def test_one_video_on_a_store_is_not_looked_up(uri: str, store: Any) -> None:
    assert [s.uri for s in read_sources(uri)] == [uri]


def test_a_store_that_cannot_be_reached_is_a_clear_error() -> None:
    with pytest.raises(UsageError, match="cannot read az://x/y"):
        list(read_sources("az://x/y"))


# manifests


def test_csv(tmp_path: Path) -> None:
    text = (
        "uri,start,end,caption,source,license,city\r\n"
        'a.mp4,1.5,0:00:04.250,"two\nlines, and a comma",pexels,CC0,Bonn\r\n'
        "\r\n"
        "sub/../b.mp4,,,,,,\r\n"
        "s3://k/c.mp4,0,1:02:03,,,,\r\n"
    )
    assert rows(tmp_path / "l.csv", "\ufeff" + text) == [
        Source(f"{tmp_path}/a.mp4", 1.5, 4.25, "two\nlines, and a comma", "pexels", "CC0", {"city": "Bonn"}),
        Source(f"{tmp_path}/sub/../b.mp4"),
        Source("s3://k/c.mp4", 0.0, 3723.0),
    ]
    tabs = text.replace("two\nlines, and a comma", "x").replace(",", "\t")
    assert [s.caption for s in rows(tmp_path / "l.TSV", tabs)] == ["x", None, None]


@pytest.mark.parametrize("column", ["uri", "path", "file", "video", "video_path", "file_name", "url", "Path", "URI"])
def test_names_that_a_uri_goes_by(tmp_path: Path, column: str) -> None:
    assert rows(tmp_path / "l.csv", f"{column}\n./a.mp4\n") == [Source(f"{tmp_path}/a.mp4")]


def test_of_two_columns_for_one_thing_the_first_name_wins_and_both_are_kept(tmp_path: Path) -> None:
    found = rows(tmp_path / "l.csv", "url,path,text,caption\nhttp://h/a,a.mp4,long,short\nhttp://h/b,,long,\n")
    assert found[0] == Source(f"{tmp_path}/a.mp4", caption="short", meta={"url": "http://h/a", "text": "long"})
    assert found[1] == Source("http://h/b", caption="long")


def test_rows_that_come_twice_stay_two(tmp_path: Path) -> None:
    assert len(rows(tmp_path / "l.csv", "uri,end\na.mp4,1\na.mp4,1\n")) == 2


def test_jsonl(tmp_path: Path) -> None:
    lines = [
        {"uri": "a.mp4", "start": 0, "end": 2.5, "tags": ["x", {"y": None}], "n": 3, "none": None},
        {"video": "/abs/b.mp4", "prompt": "a cat"},
    ]
    text = "\ufeff" + "\r\n\r\n".join(json.dumps(line) for line in lines)
    assert rows(tmp_path / "l.jsonl", text) == [
        Source(f"{tmp_path}/a.mp4", 0.0, 2.5, meta={"tags": ["x", {"y": None}], "n": 3}),
        Source("/abs/b.mp4", caption="a cat"),
    ]


ENTRIES = [{"path": "a.mp4", "cap": ["a cup"]}, {"path": "b.mp4", "caption": 'a "b]", {c}'}, {"path": "c\n.mp4"}]


@pytest.mark.parametrize("indent", [None, 0, 2])
@pytest.mark.parametrize("chunk", [1, 7, 1 << 16])
def test_a_json_list(tmp_path: Path, indent: int | None, chunk: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the pieces are that it is read in."""
    monkeypatch.setattr("hoigen.data.sources.manifests.CHUNK", chunk)
    found = rows(tmp_path / "l.json", "\ufeff \n" + json.dumps(ENTRIES, indent=indent) + "\n")
    assert [(Path(s.uri).name, s.caption) for s in found] == [
        ("a.mp4", None),
        ("b.mp4", 'a "b]", {c}'),
        ("c\n.mp4", None),
    ]
    assert found[0].meta == {"cap": ["a cup"]}
    assert [Path(s.uri).name for s in rows(tmp_path / "m.json", '["a.mp4",\n"b.mp4"]')] == ["a.mp4", "b.mp4"]
    lines = "\n".join(map(json.dumps, ENTRIES))
    assert [s.uri for s in rows(tmp_path / "n.json", lines)] == [s.uri for s in found], "JSON lines under that name"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", ": a list of objects is needed"),
        ("[]", " holds no rows"),
        ('"a.mp4"', ": a list of objects is needed"),
        ('{\n"data": [{"uri": "a"}]\n}', ": a list of objects is needed"),
        ('[{"uri": "a"}', ", entry 2: not valid JSON"),
        ('[{"uri": "a"} {"uri": "b"}]', ", entry 1: not valid JSON: a comma or ] is needed"),
        ('[{"uri": "a"},]', ", entry 2: not valid JSON"),
        ('[{"uri": "a"}] x', ": not valid JSON: behind the list comes 'x'"),
        ('[{"uri": "a"}, 3]', ", entry 2: a row is an object"),
        ('[{"uri": "a", "uri": "b"}]', "key 'uri' is given twice"),
        ("[" * 100_000, ", entry 1: not valid JSON"),
        (b'[{"uri": "caf\xe9"}]', ", line 1: not UTF-8 text"),
    ],
)
def test_faults_in_json(tmp_path: Path, text: str | bytes, said: str) -> None:
    assert said in refused(tmp_path / "l.json", text)


def read_in_pieces(path: Path) -> int:
    """How many rows a list has; it takes no more than a fifth of its size to read it."""
    tracemalloc.start()
    try:
        count = sum(1 for _ in read_sources(path))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < path.stat().st_size / 5
    return count


def test_a_long_json_list_is_never_held(tmp_path: Path) -> None:
    path = tmp_path / "l.json"
    path.write_text(json.dumps([{"uri": f"clips/{at:07}.mp4", "caption": "x" * 500} for at in range(20_000)]))
    assert read_in_pieces(path) == 20_000


def test_hugging_faces_video_folder(tmp_path: Path) -> None:
    """metadata.csv, .jsonl and .parquet with `file_name`, relative to the file."""
    (tmp_path / "metadata.csv").write_text("file_name,text\nclips/a.mp4,a cup\n")
    (tmp_path / "metadata.jsonl").write_text('{"file_name": "clips/a.mp4", "text": "a cup"}\n')
    pq.write_table(pa.table({"file_name": ["clips/a.mp4"], "text": ["a cup"]}), tmp_path / "metadata.parquet")
    for suffix in ("csv", "jsonl", "parquet"):
        assert list(read_sources(tmp_path / f"metadata.{suffix}")) == [
            Source(f"{tmp_path}/clips/a.mp4", caption="a cup")
        ]


def test_what_is_no_source_and_no_licence(tmp_path: Path) -> None:
    found = rows(tmp_path / "list.csv", "path,source,licence,license\na,N/A,nan,\nb,own,none,CC0\n")
    assert [(one.source, one.licence) for one in found] == [(None, None), ("own", "CC0")]


def test_what_is_no_caption(tmp_path: Path) -> None:
    """NaN, null, and what pandas writes for them, in every kind of list and in lists within a row."""
    words = ["", " ", "nan", "NaN", "None", "null", "NULL", "<NA>", "N/A"]
    for word in words:
        text = f'uri,caption,prompt\na.mp4,"{word}",\nb.mp4,"{word}",a cup\n'
        assert [s.caption for s in rows(tmp_path / "l.csv", text)] == [None, "a cup"], word
    for value in ("NaN", "null", '"nan"', '""'):
        assert [s.caption for s in rows(tmp_path / "l.jsonl", f'{{"uri": "a", "caption": {value}}}')] == [None]
        assert [s.caption for s in rows(tmp_path / "l.json", f'[{{"uri": "a", "caption": {value}}}]')] == [None]
    pq.write_table(
        pa.table({"uri": ["a", "b"], "caption": pa.array([float("nan"), None], pa.float64())}), tmp_path / "l.parquet"
    )
    assert [s.caption for s in read_sources(tmp_path / "l.parquet")] == [None, None]
    stamps = "\"[['0:00', '0:01'], ['0:01', '0:02'], ['0:02', '0:03'], ['0:03', '0:04']]\""
    text = f"videoID,timestamp,caption\nv,{stamps},\"[None, nan, 'nan', 'a nanny']\"\n"
    assert [s.caption for s in rows(tmp_path / "p.csv", text)] == [None, None, None, "a nanny"]
    kept = rows(tmp_path / "l.csv", "uri,caption\na.mp4,nanny None\n")
    assert kept[0].caption == "nanny None"


def test_koala_36m(tmp_path: Path) -> None:
    """One pair of times in a row, and its caption as text."""
    touch(tmp_path, "videos/plain.mp4")
    stamps = "\"['0:00:01.000', '0:00:02.500']\""
    text = f'videoID,url,timestamp,caption,clarity_score\nplain,https://example.org/plain,{stamps},"a cup, red",0.9\n'
    [found] = rows(tmp_path / "k.csv", text)
    assert (found.uri, found.start, found.end) == (f"{tmp_path}/videos/plain.mp4", 1.0, 2.5)
    assert (found.caption, found.source) == ("a cup, red", "koala-36m")
    assert found.meta["clarity_score"] == "0.9"
    assert "timestamp[0] is two times" in refused(tmp_path / "k.csv", text.replace("0:00:02.500", "soon"))
    assert "is not after the start" in refused(tmp_path / "k.csv", text.replace("0:00:02.500", "0:00:00.500"))
    flat = rows(tmp_path / "o.csv", "path,text,timestamp\na.mp4,a cup,\"('0:00', '0:02')\"\n")
    assert flat == [Source(f"{tmp_path}/a.mp4", 0.0, 2.0, "a cup")]


BAD = 'path,text\na.mp4,a man, a plan\nb.mp4,fine\nc.mp4,12" pan, hot\n"d.mp4"x,y\ne.mp4,fine\n'


def test_bad_rows_are_named_all_at_once(tmp_path: Path) -> None:
    said = refused(tmp_path / "l.csv", BAD).splitlines()
    assert said[0] == ": 3 of 5 rows cannot be read:"
    assert [line.strip().partition(":")[0] for line in said[1:4]] == ["line 2", "line 4", "line 5"]
    assert "With --set bad_rows=fail they" in said[4]
    lines = ['{"uri": "a", "start": 2, "end": 1}', "{", '{"uri": "b"}', "[]", "{}"]
    said = refused(tmp_path / "l.jsonl", "\n".join(lines)).splitlines()
    assert [line.strip().partition(":")[0] for line in said[1:5]] == ["line 1", "line 2", "line 4", "line 5"]
    assert "entry 2: a row" in refused(tmp_path / "l.json", '[{"uri": "a"}, 1, {"uri": "b"}, 2]')
    pq.write_table(pa.table({"uri": ["a", " ", "c"], "end": [-1.0, 1.0, 1.0]}), tmp_path / "l.parquet")
    with pytest.raises(UsageError, match=r"(?s)2 of 3 rows cannot be read:\n  row 1: .*\n  row 2: "):
        list(read_sources(tmp_path / "l.parquet"))
    said = refused(tmp_path / "l.csv", "uri,end\n" + "a,x\n" * 5000).splitlines()
    assert said[-1].strip() == "and 4,950 more"


def test_bad_rows_as_failed_rows(tmp_path: Path) -> None:
    """By choice: each in its place, beside the good ones."""
    (tmp_path / "l.csv").write_text(BAD)
    found = list(read_sources([str(tmp_path / "l.csv")], bad_rows="fail"))
    assert [Path(s.uri).name for s in found] == [*("l.csv, line 2", "b.mp4", "l.csv, line 4", "l.csv, line 5"), "e.mp4"]
    assert "line 2: 3 cells; the header has 2 columns" in found[0].meta["unreadable_row"]
    with pytest.raises(UsageError, match="no column says where the videos are"):
        (tmp_path / "m.csv").write_text("a,b\n1,2\n")
        list(read_sources(tmp_path / "m.csv", bad_rows="fail"))


def test_a_run_with_bad_rows(tmp_path: Path, tiny_video: Path) -> None:
    """Nothing runs before they are named; by choice they are in every count, with the reason."""
    text = f"uri,text\n{tiny_video},a man\n{tiny_video},a man, a plan\n"
    (tmp_path / "l.csv").write_text(text)
    how: dict[str, Any] = {"measures": ["metadata"], "shots": "none", "workers": 1, "report": False, "quiet": True}
    with pytest.raises(UsageError, match=r"line 3: 3 cells"):
        curate(tmp_path / "l.csv", tmp_path / "run", **how)
    assert not (tmp_path / "run" / "videos.parquet").exists()
    funnel = curate(tmp_path / "l.csv", tmp_path / "run", bad_rows="fail", **how)
    assert (funnel.counts["kept"], funnel.counts["failed"]) == (1, 1)
    [failed] = [row for row in Run(tmp_path / "run").clips.read(0) if row["state"] == "failed"]
    assert failed["uri"] == f"{tmp_path}/l.csv, line 3"
    assert "line 3: 3 cells; the header has 2 columns" in failed["reason"]


def test_lists_from_the_field() -> None:
    if not CASES.is_dir():
        pytest.skip(f"no {SHARED}/clips")

    def read(name: str) -> list[tuple[str, float | None, float | None, str | None]]:
        return [(Path(s.uri).name, s.start, s.end, s.caption) for s in read_sources(CASES / name)]

    assert read("array.json") == [("plain.mp4", None, None, None)]
    assert read("file_name.jsonl") == [("plain.mp4", None, None, "a cup")]
    assert read("flat_timestamp.csv") == [("plain", 0.0, 2.0, "a cup")]
    assert read("nan_caption.jsonl") == [("plain_3s.mp4", None, None, None), ("plain.mp4", None, None, "a cup")]
    with pytest.raises(UsageError, match=r"(?s)2 of 3 rows .*line 2: .*line 4: "):
        read("bad_rows.csv")


def test_data_juicers_form(tmp_path: Path) -> None:
    text = json.dumps(
        {
            "videos": ["a.mp4", "b.mp4"],
            "text": "<__dj__video> a man <__dj__video> a dog <|__dj__eoc|>",
            "__dj__stats__": {"s": [1]},
        }
    )
    first, second = rows(tmp_path / "l.jsonl", text)
    assert (first.uri, second.uri) == (f"{tmp_path}/a.mp4", f"{tmp_path}/b.mp4")
    assert first.caption == second.caption == "a man  a dog"
    assert first.meta == {"__dj__stats__": {"s": [1]}}
    assert "videos[1] is a path" in refused(tmp_path / "m.jsonl", '{"videos": ["a", 3]}')
    assert "videos is an empty list" in refused(tmp_path / "m.jsonl", '{"videos": []}')


def test_parquet(tmp_path: Path) -> None:
    table = pa.table(
        {
            "uri": ["a.mp4", "b.mp4"],
            "start": pa.array([0, None], pa.int32()),
            "end": pa.array([1.5, None], pa.float32()),
            "embedding": [[0.5, float("nan")], None],
            "picture": [b"\x89PNG", None],
            "seen": pa.array([1_700_000_000_123_456_789, None], pa.timestamp("ns")),
        }
    )
    pq.write_table(table, tmp_path / "l.parquet")
    first, second = read_sources(tmp_path / "l.parquet")
    assert (first.uri, first.start, first.end) == (f"{tmp_path}/a.mp4", 0.0, 1.5)
    assert second == Source(f"{tmp_path}/b.mp4")
    write_videos([first], tmp_path / "v.parquet")
    [row] = pq.read_table(tmp_path / "v.parquet").to_pylist()
    assert json.loads(row["meta"]) == {
        "embedding": [0.5, None],
        "picture": "<4 bytes>",
        "seen": "2023-11-14 22:13:20.123456789",
    }


def test_parquet_with_videos_as_datasets_writes_them(tmp_path: Path) -> None:
    def listed(name: str, contents: list[bytes | None]) -> Path:
        kind = pa.struct({"bytes": pa.binary(), "path": pa.string()})
        videos = [{"bytes": each, "path": f"{at}.mp4"} for at, each in enumerate(contents)]
        pq.write_table(pa.table({"video": pa.array(videos, kind), "text": ["a"] * len(videos)}), tmp_path / name)
        return tmp_path / name

    first, second = read_sources(listed("paths.parquet", [None, None]))
    assert (first.uri, second.uri, first.caption) == (f"{tmp_path}/0.mp4", f"{tmp_path}/1.mp4", "a")
    with pytest.raises(UsageError, match=r"its column 'video' holds the files themselves.*write them out first"):
        list(read_sources(listed("whole.parquet", [b"\0" * 5000, None])))


@pytest.mark.parametrize(("suffix", "pack"), [("gz", gzip.compress), ("bz2", bz2.compress)])
def test_packed_lists(tmp_path: Path, suffix: str, pack: Any) -> None:
    assert rows(tmp_path / f"l.csv.{suffix}", pack(b"uri\na.mp4\n")) == [Source(f"{tmp_path}/a.mp4")]
    for broken in (b"uri\na\n", pack(b"uri\n" + b"a.mp4\n" * 9999)[:-9]):
        with pytest.raises(UsageError, match="cannot read"):
            rows(tmp_path / f"m.csv.{suffix}", broken)


@pytest.mark.parametrize("pack", [gzip.compress, bz2.compress, lzma.compress])
def test_a_packed_list_that_comes_to_far_more_than_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pack: Any
) -> None:
    """Memory is bounded, too: that of a bomb is one line without an end, or rows without an end."""
    monkeypatch.setattr(manifests, "LEAST_UNPACKED", 1 << 20)
    suffix = {gzip.compress: "gz", bz2.compress: "bz2", lzma.compress: "xz"}[pack]
    alike = b"".join(b"clip_%05d.mp4\n" % at for at in range(9999))
    assert len(rows(tmp_path / f"honest.csv.{suffix}", pack(b"uri\n" + alike))) == 9999
    for kind, bomb in [("csv", b"uri\n" + b"a" * (1 << 25)), ("jsonl", b"\n" * (1 << 25)), ("json", b" " * (1 << 25))]:
        said = refused(tmp_path / f"bomb.{kind}.{suffix}", pack(bomb))
        assert re.fullmatch(r": more than \d+ MiB came of [\d,]+ bytes; a packed list may come to 100 times .*", said)
    table = io.BytesIO()
    pq.write_table(pa.table({"uri": ["a.mp4"]}), table)
    assert len(rows(tmp_path / f"one.parquet.{suffix}", pack(table.getvalue()))) == 1
    assert "more than" in refused(tmp_path / f"bomb.parquet.{suffix}", pack(table.getvalue() + bytes(1 << 25)))


# Panda-70M and Open-Sora

PANDA = (
    "videoID,url,timestamp,caption,matching_score,desirable_filtering,shot_boundary_detection,note\n"
    "-2yHu5qgTzM,https://www.youtube.com/watch?v=-2yHu5qgTzM,"
    "\"[['0:01:20.880', '0:01:23.983'], ['0:02:31.151', '0:02:34.320']]\","
    '"[\'A neuron.\', ""It\'s a woman, talking.""]","[0.451416015625, 0.4990234375]",'
    "\"['1_still_foreground_image', 'desirable']\","
    "\"[[['0:00:00.000', '0:00:03.069']], [['0:00:00.000', '0:00:01.000'], ['0:00:01.100', '0:00:03.169']]]\",n\n"
)


def test_panda_70m(tmp_path: Path) -> None:
    first, second = rows(tmp_path / "panda.csv", PANDA)
    assert first.uri == "https://www.youtube.com/watch?v=-2yHu5qgTzM"
    assert (first.start, first.end) == (pytest.approx(80.88), pytest.approx(83.983))
    assert (first.caption, second.caption) == ("A neuron.", "It's a woman, talking.")
    assert first.source == "panda-70m"
    assert second.meta == {
        "videoID": "-2yHu5qgTzM",
        "note": "n",
        "matching_score": 0.4990234375,
        "desirable_filtering": "desirable",
        "shot_boundary_detection": [["0:00:00.000", "0:00:01.000"], ["0:00:01.100", "0:00:03.169"]],
    }


@pytest.mark.parametrize("place", ["", "videos/", "panda/"])
def test_panda_70m_finds_what_was_downloaded(tmp_path: Path, place: str) -> None:
    touch(tmp_path, f"{place}-2yHu5qgTzM.webm", f"{place}other.mp4")
    first, _ = rows(tmp_path / "panda.csv", PANDA)
    assert first.uri == f"{tmp_path}/{place}-2yHu5qgTzM.webm"
    assert first.meta["url"] == "https://www.youtube.com/watch?v=-2yHu5qgTzM"


def test_panda_70m_with_a_path_of_ones_own(tmp_path: Path) -> None:
    text = PANDA.replace("note\n", "path\n").replace('",n\n', '",dl/x.mp4\n')
    assert rows(tmp_path / "panda.csv", text)[0].uri == f"{tmp_path}/dl/x.mp4"


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("0:01:23.983", "0:01:20.000", ", line 2: timestamp[0]: the end 0:01:20.000 is not after the start"),
        ("0:01:23.983", "nan:1", ", line 2: timestamp[0] is two times like"),
        ("['A neuron.', ", "[", ", line 2: caption has 1 entries, timestamp has 2"),
        ("[0.451416015625, 0.4990234375]", "__import__('os').abort()", ", line 2: matching_score is a list like"),
        ("[0.451416015625, 0.4990234375]", "[" * 5000, ", line 2: matching_score is a list like"),
        ("\n-2yHu5qgTzM", "\n../x", ", line 2: videoID is the name of a video"),
    ],
)
def test_panda_70m_with_faults(tmp_path: Path, old: str, new: str, said: str) -> None:
    assert refused(tmp_path / "panda.csv", PANDA.replace(old, new)).startswith(said)


def test_open_soras_list(tmp_path: Path) -> None:
    scores = "num_frames,height,width,aspect_ratio,fps,resolution,aes,flow,ocr"
    text = f"path,id,text,{scores}\nv/a.mp4,a,hi,9,8,7,1,24,5,4.9,2,0\n"
    [found] = rows(tmp_path / "meta.csv", text)
    assert (found.uri, found.caption) == (f"{tmp_path}/v/a.mp4", "hi")
    assert found.meta["aes"] == "4.9"
    assert list(found.meta) == ["id", *scores.split(",")]


def test_open_soras_list_after_scene_detection(tmp_path: Path) -> None:
    text = (
        "path,id,flag,timestamp\n"
        "a.mp4,a,True,\"[('00:00:00.000', '00:00:02.500'), ('00:00:02.500', '00:00:04.000')]\"\n"
        "b.mp4,b,False,\n"
    )
    found = rows(tmp_path / "meta_timestamp.csv", text)
    assert [(Path(s.uri).name, s.start, s.end) for s in found] == [
        ("a.mp4", 0.0, 2.5),
        ("a.mp4", 2.5, 4.0),
        ("b.mp4", None, None),
    ]


# what cannot be read


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", " is empty; its first line names the columns"),
        ("uri\n", " holds no rows"),
        ("ury,end\na,1\n", ": no column says where the videos are"),
        ("Pathh,end\na,1\n", "; did you mean 'path' with 'Pathh'? Columns here: Pathh, end"),
        ("uri;end\na;1\n", ": one column, 'uri;end'; cells are separated by ';' there"),
        ("uri,end,end\na,1,1\n", ": two columns are named 'end'"),
        ("uri,end\na,1\nb\n", ", line 3: 1 cells; the header has 2 columns"),
        ("uri,end\na,1,2\n", ", line 2: 3 cells; the header has 2 columns"),
        ("uri,end\n,1\n", ", line 2: no uri: one of uri, path"),
        ('uri,caption\na,"x\ny"\nb,"open\n', ", line 4: not valid CSV: unexpected end of data"),
        ('uri,caption\na,"x" y\n', ", line 2: not valid CSV"),
        ("uri,start\na,-1\n", ", line 2: start is seconds (0 or more) or H:MM:SS.mmm; it came as '-1'"),
        ("uri,start\na,nan\n", "it came as 'nan'"),
        ("uri,start\na,inf\n", "it came as 'inf'"),
        ("uri,start\na,1e999\n", "it came as '1e999'"),
        ("uri,start\na,1_0\n", "it came as '1_0'"),
        ("uri,start\na,soon\n", "it came as 'soon'"),
        ("uri,start\na,0:75\n", "it came as '0:75'"),
        ("uri,start\na,1:2:3:4\n", "it came as '1:2:3:4'"),
        ('uri,caption,end\na,"x\ny",1\nb,"x\ny",soon\n', ", line 4: end is seconds"),
        ("uri,start,end\na,2,2\n", ", line 2: end is 2, which is not after start, 2"),
        ("uri,start,end\na,,0\n", ", line 2: end is 0, which is not after start, 0"),
        (b"uri\n" + b"a.mp4\n" * 5000 + b"caf\xe9.mp4\n", ", line 5002: not UTF-8 text (byte b'\\xe9' at 4)"),
        ("uri\na.mp4\n".encode("utf-16"), " is UTF-16; save it as UTF-8"),
        (b"uri\na\0.mp4\n", ", line 2"),
    ],
)
def test_faults_in_csv(tmp_path: Path, text: str | bytes, said: str) -> None:
    assert said in refused(tmp_path / "l.csv", text)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", " holds no rows"),
        ('{"uri": "a"}\n{"uri": "b"\n', ", line 2: not valid JSON"),
        ('["a.mp4"]', ", line 1: a row is an object"),
        ('{"uri": "a", "uri": "b"}', ", line 1: not valid JSON: key 'uri' is given twice"),
        ('{"uri": 3}', ", line 1: uri is a path or a URI; it came as 3"),
        ('{"uri": " "}', ", line 1: uri is a path or a URI; it came as ' '"),
        ('{"uri": "a\\u0000b"}', ", line 1: uri is a path or a URI"),
        ('{"uri": "a", "start": true}', ", line 1: start is seconds"),
        ('{"uri": "a", "start": NaN}', ", line 1: start is seconds (0 or more) or H:MM:SS.mmm; it came as nan"),
        ('{"uri": "a", "end": 1' + "0" * 400 + "}", ", line 1: end is seconds"),
        ('{"uri": "a", "end": [1]}', ", line 1: end is seconds"),
        ('{"uri": {"bytes": "' + "x" * 9999 + '"}}', "…"),
        ('{"a": ' * 5000, ", line 1: not valid JSON"),
        ("{}", ", line 1: no uri: one of uri"),
    ],
)
def test_faults_in_jsonl(tmp_path: Path, text: str, said: str) -> None:
    message = refused(tmp_path / "l.jsonl", text)
    assert said in message
    assert len(message) < 300


def test_faults_in_parquet(tmp_path: Path) -> None:
    path = tmp_path / "l.parquet"
    for broken in (b"PAR1 no", b""):
        with pytest.raises(UsageError, match="cannot read"):
            rows(path, broken)
    text = pa.array([b"caf\xe9.mp4"], pa.binary())
    pq.write_table(pa.table({"uri": pa.Array.from_buffers(pa.string(), 1, text.buffers())}), path)
    with pytest.raises(UsageError, match=r"cannot read .*utf-8"):
        list(read_sources(path))
    pq.write_table(pa.table({"uri": ["a", "b"], "start": [0.0, -3.0]}), path)
    with pytest.raises(UsageError, match=r"row 2: start is seconds .* it came as -3.0"):
        list(read_sources(path))
    pq.write_table(pa.Table.from_arrays([pa.array(["a"]), pa.array(["b"])], names=["uri", "uri"]), path)
    with pytest.raises(UsageError, match="two columns are named 'uri'"):
        list(read_sources(path))


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("1:02:03.5", 3723.5),
        ("90:00", 5400.0),
        ("00:00:00.000", 0.0),
        (" 7.25 ", 7.25),
        (".5", 0.5),
        ("1e1", 10.0),
        (3, 3.0),
        ("1:60:00", None),
        ("-0:01", None),
        ("", None),
        (True, None),
        (None, None),
        (float("inf"), None),
    ],
)
def test_times(value: object, expected: float | None) -> None:
    assert time_of(value) == expected


# the list of a run


def test_rows_are_written_as_they_came(tmp_path: Path) -> None:
    given = [Source("a.mp4", 0.5, 2.0, "ü\n", "s", "CC0", {"k": [1, "ü"]}), Source("b.mp4"), Source("b.mp4")]
    assert write_videos(given, tmp_path / "run" / "videos.parquet", batch=2) == 3
    table = pq.read_table(tmp_path / "run" / "videos.parquet")
    assert table.column_names == ["uri", "start", "end", "caption", "source", "licence", "meta"]
    back = [Source(**{**row, "meta": json.loads(row["meta"])}) for row in table.to_pylist()]
    assert back == given
    assert [p.name for p in (tmp_path / "run").iterdir()] == ["videos.parquet"]


def test_a_fault_half_way_leaves_the_old_list_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "videos.parquet"
    write_videos([Source("old.mp4")], path)
    (tmp_path / "l.csv").write_text("uri,start\n" + "a.mp4,1\n" * 50 + "b.mp4,x\n")
    with pytest.raises(UsageError, match="line 52"):
        write_videos(read_sources(tmp_path / "l.csv"), path, batch=10)
    assert pq.read_table(path)["uri"].to_pylist() == ["old.mp4"]
    assert sorted(p.name for p in tmp_path.iterdir()) == ["l.csv", "videos.parquet"]


def test_a_name_that_is_not_utf8_is_a_row_too(tmp_path: Path) -> None:
    with open(os.path.join(os.fsencode(tmp_path), b"a\xff.mp4"), "wb"):
        pass
    assert write_videos(read_sources(tmp_path), tmp_path / "v.parquet") == 1
    assert pq.read_table(tmp_path / "v.parquet")["uri"].to_pylist() == [f"file://{tmp_path}/a%FF.mp4"]
    [row] = rows(tmp_path / "l.jsonl", '{"uri": "a.mp4", "caption": "\\ud800", "x": "\\ud800"}')
    assert write_videos([row], tmp_path / "w.parquet") == 1


def test_a_long_list_is_never_held(tmp_path: Path) -> None:
    path = tmp_path / "l.csv"
    with path.open("w") as file:
        file.write("uri,caption\n")
        file.writelines(f"clips/{at:07}.mp4,{'x' * 500}\n" for at in range(40_000))
    assert read_in_pieces(path) == 40_000


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    suffix=st.sampled_from([".csv", ".tsv", ".jsonl", ".json", ".parquet", ".csv.gz"]),
    head=st.sampled_from([b"", b"uri,start,end\n", b"videoID,timestamp,caption\n", b'{"uri": ', b'[{"uri": ', b"PAR1"]),
    content=st.binary(max_size=200) | st.text(alphabet="a,\n\"'[](){}:0.1-\t", max_size=200).map(str.encode),
)
def test_whatever_comes_is_read_or_refused(tmp_path: Path, suffix: str, head: bytes, content: bytes) -> None:
    path = tmp_path / f"l{suffix}"
    path.write_bytes(head + content)
    said = str(path)
    try:
        write_videos(read_sources(path), tmp_path / "v.parquet")
    except UsageError as error:
        said = str(error)
    assert str(path) in said


def test_the_page_names_all_columns_and_suffixes() -> None:
    text = (Path(__file__).resolve().parents[2] / "docs" / "videos.md").read_text()
    rows = {cells[1].strip(" `"): cells[2].split() for line in text.splitlines() if len(cells := line.split("|")) == 5}
    for field, aliases in ALIASES.items():
        assert [name.strip("`") for name in rows[field]] == list(aliases[1:])
    for suffix in MANIFEST_SUFFIXES[:3] + PACKED_SUFFIXES:
        assert f"{suffix}`" in text
    for folder in FOLDERS:
        assert f"`{folder}/`" in text


def test_a_link_that_leads_round_is_a_row(tmp_path: Path) -> None:
    (tmp_path / "round.mp4").symlink_to(tmp_path / "round.mp4")
    (tmp_path / "other.mp4").write_bytes(b"x")
    assert [Path(source.uri).name for source in read_sources(tmp_path)] == ["other.mp4", "round.mp4"]


def test_durations_and_times_of_day_are_seconds(tmp_path: Path) -> None:
    columns = {"uri": ["a"], "start": [timedelta(seconds=0.5)], "end": [time(0, 1, 2, 250000)]}
    pq.write_table(pa.table(columns), tmp_path / "l.parquet")
    assert [(s.start, s.end) for s in read_sources(tmp_path / "l.parquet")] == [(0.5, 62.25)]


def test_several_texts_are_no_caption(tmp_path: Path) -> None:
    found = rows(tmp_path / "l.jsonl", '{"uri": "a", "caption": ["a cup"]}\n{"uri": "b", "text": [null]}\n')
    assert [s.caption for s in found] == ["a cup", None]
    with pytest.raises(UsageError, match=r"line 1: caption is one text; it came as \['a', 'b'\]"):
        rows(tmp_path / "m.jsonl", '{"uri": "a", "caption": ["a", "b"]}\n')


def test_columns_that_may_be_meant_as_times_are_told(tmp_path: Path) -> None:
    said: list[str] = []
    path = tmp_path / "l.csv"
    path.write_text("uri,start_frame,end_ms,Start_timestamp,end,starts_well\na,1,2,0:01,3,4\nb,1,2,0:01,3,4\n")
    assert [(s.start, s.end) for s in read_sources(path, say=said.append)] == [(1.0, 3.0)] * 2
    assert said == [f"{path}: start_frame, end_ms: kept, and not read as times; seconds in `start` and `end` are"]
