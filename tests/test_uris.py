"""What a list from a stranger may make hoigen open: names that fsspec or FFmpeg would follow are tried one by one."""

from __future__ import annotations

import gzip
import io
import json
import shutil
import socketserver
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import hoigen
from hoigen import video
from hoigen.commands.cli import main
from hoigen.core import uris
from hoigen.core.errors import UsageError, VideoError
from hoigen.data.sources import read_sources
from run_folders import curated

CHAINED = (
    "simplecache::http://{host}/a.mp4",
    "filecache::http://{host}/a.mp4",
    "blockcache::http://{host}/a.mp4",
    "zip://a.mp4::http://{host}/a.zip",
    "tar://a.mp4::http://{host}/a.tar",
    "reference://x::http://{host}/a.json",
    "reference::http://{host}/a.json",
    "dir::http://{host}/",
    "http://{host}/a.mp4::simplecache://x",
    "s3://bucket/a.mp4::http://{host}/a.mp4",
    "file:///tmp/a.mp4::http://{host}/a.mp4",
    "data:text/plain,http://{host}/a.mp4",
    "concat:http://{host}/a.mp4|http://{host}/b.mp4",
    "subfile,,start,0,end,9,,:http://{host}/a.mp4",
    "crypto+http://{host}/a.mp4",
    "async:http://{host}/a.mp4",
    "cache:http://{host}/a.mp4",
)
SCHEMES = (
    "ftp",
    "FTP",
    "sftp",
    "ssh",
    "smb",
    "webhdfs",
    "webdav",
    "hdfs",
    "github",
    "gist",
    "git",
    "memory",
    "reference",
    "local",
    "dir",
    "data",
    "generic",
    "dask",
    "jupyter",
    "rtmp",
    "tcp",
    "udp",
    "gopher",
    "pipe",
    "fd",
    "javascript",
)


@pytest.fixture
def touched() -> Iterator[tuple[str, list[str]]]:
    """An address of this machine, and what has come to it."""
    seen: list[str] = []

    class Note(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            seen.append(repr(self.request.recv(200)))

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Note) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"127.0.0.1:{server.server_address[1]}", seen
        server.shutdown()


def lists_of(folder: Path, uri: str) -> Iterator[Any]:
    """Every way in which a list can name it."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    folder.mkdir(exist_ok=True)
    (folder / "l.csv").write_text(f'uri\nfirst.mp4\n"{uri}"\n')
    (folder / "l.jsonl").write_text(json.dumps({"videos": ["first.mp4", uri]}) + "\n")
    (folder / "panda.csv").write_text(
        f"videoID,url,timestamp,path\nx,http://h/x,\"[['0:00:00', '0:00:01']]\",\"{uri}\"\n"
    )
    (folder / "p.csv.gz").write_bytes(gzip.compress(f'path,text\n"{uri}",a\n'.encode()))
    pq.write_table(pa.table({"URI": [uri]}), folder / "l.parquet")
    yield from ((folder / name, name) for name in ("l.csv", "l.jsonl", "panda.csv", "p.csv.gz", "l.parquet"))
    yield [uri, str(folder / "l.csv")], "videos:"
    yield uri, "videos:"


@pytest.mark.parametrize("form", [*CHAINED, *(f"{scheme}://{{host}}/a.mp4" for scheme in SCHEMES)])
def test_nothing_else_is_followed(form: str, tmp_path: Path, touched: tuple[str, list[str]]) -> None:
    host, seen = touched
    uri = form.format(host=host)
    for videos, named in lists_of(tmp_path / "lists", uri):
        with pytest.raises(UsageError) as error:
            hoigen.curate(videos=videos, run=tmp_path / "run", measures=["metadata"], report=False, quiet=True)
        said = str(error.value)
        assert named in said
        assert "Allowed: file://, http://, https://, s3://" in said
        assert not (tmp_path / "run").exists()
    with pytest.raises(UsageError, match="the list on stdin, path 2: "):
        list(read_sources("-", stdin=io.StringIO(f"a.mp4\n{uri}\n")))
    if uris.scheme_of(uri) != "file":
        with pytest.raises(VideoError, match="Allowed: file:"):  # out of a run that somebody else has made
            video.probe(uri)
        with pytest.raises(VideoError, match="Allowed: file:"):
            video.content_digest(uri)
    assert not seen


@pytest.mark.parametrize("suffix", ["csv", "jsonl", "parquet", "csv.gz"])
@pytest.mark.parametrize("front", ["simplecache::", "filecache::", "reference://a::", "zip://l.csv::"])
def test_a_list_that_is_an_address_itself(
    front: str, suffix: str, touched: tuple[str, list[str]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    host, seen = touched
    recipe = tmp_path / "r.yaml"
    recipe.write_text(f"measures: [metadata]\nvideos: '{front}http://{host}/l.{suffix}'\nrun: {tmp_path / 'run'}\n")
    assert main(["curate", str(recipe)]) == 2
    assert "are not chained with ::" in capsys.readouterr().err
    assert main(["validate", str(recipe)]) == 2
    assert "line 2: videos: " in capsys.readouterr().err
    assert not seen
    assert not (tmp_path / "run").exists()


def test_a_row_of_another_persons_run_is_not_followed(
    tmp_path: Path, tiny_video: Path, touched: tuple[str, list[str]]
) -> None:
    """videos.parquet of a received run is not read as a list: its rows go to the workers as they are."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    host, seen = touched
    shutil.copy(tiny_video, tmp_path / "a.mp4")
    how: dict[str, Any] = {"measures": ["metadata"], "shots": "none", "report": False, "quiet": True}
    hoigen.curate(videos=tmp_path / "a.mp4", run=tmp_path / "run", **how)
    listed = tmp_path / "run" / "videos.parquet"
    table = pq.read_table(listed)
    evil = table.set_column(0, "uri", pa.array([f"simplecache::http://{host}/a.mp4"]))
    pq.write_table(pa.concat_tables([table, evil.cast(table.schema)]), listed)
    shutil.rmtree(tmp_path / "run" / "clips")
    funnel = hoigen.curate(videos=tmp_path / "a.mp4", run=tmp_path / "run", **how)
    assert {name: n for name, n in funnel.counts.items() if n} == {"kept": 1, "failed": 1}
    assert not seen


@pytest.mark.parametrize(
    "name", ["a::b.mp4", "12:30.mp4", "simplecache::x.mp4", "concat:a.mp4", "data:x.mp4", "zip::a.mp4"]
)
def test_a_file_of_this_machine_may_be_called_anything(name: str, tmp_path: Path, tiny_video: Path) -> None:
    folder = tmp_path / "s3::odd:name"
    folder.mkdir()
    shutil.copy(tiny_video, folder / name)
    (folder / "l::1.csv").write_text(f"uri\n{name}\n")
    for at, videos in enumerate((folder, folder / name, folder / "l::1.csv", [str(folder / name)], f"{folder}/*.mp4")):
        funnel = curated(videos=videos, run=tmp_path / f"run{at}")
        assert funnel.counts["kept"] == funnel.clips == 1
        assert str(folder / name) in [row.uri for row in read_sources(videos)]


@pytest.mark.parametrize(
    "uri", ["HTTP://h/a.mp4", "Https://h/a.mp4?x=[1]*", "S3://bucket/a.mp4", "s3://bucket/a::b.mp4"]
)
def test_capitals_and_colons_in_what_is_allowed(uri: str) -> None:
    assert uris.fault(uri) is None
    assert [row.uri for row in read_sources(uri)] == [uri]


@pytest.mark.parametrize(
    "uri", [" http://h/a.mp4", "ht tp://h/a.mp4", "http ://h/a.mp4", "\thttps://h/a.mp4", "\x1b[2Kx://h", "://h/a.mp4x"]
)
def test_a_scheme_is_compared_as_a_whole(uri: str) -> None:
    assert str(uris.fault(uri)).isprintable()
    if uri.startswith("://"):
        assert uris.scheme_of(uri) == ""
    else:
        assert "is not opened" in str(uris.fault(uri))


def test_an_address_is_given_to_its_own_scheme_in_one_piece(monkeypatch: pytest.MonkeyPatch) -> None:
    import fsspec

    memory = fsspec.filesystem("memory")
    monkeypatch.setenv("HOIGEN_SCHEMES", " Memory, ")
    memory.pipe("b/zip::a.mp4", b"in one piece")
    try:
        with uris.open_remote("MEMORY://b/zip::a.mp4") as file:
            assert file.read() == b"in one piece"
    finally:
        memory.store.clear()


def test_further_schemes_are_the_users_to_name(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert "is not opened" in str(uris.fault("sftp://h/a.mp4"))
    monkeypatch.setenv("HOIGEN_SCHEMES", "sftp, SMB")
    assert uris.fault("sftp://h/a.mp4") is None
    assert uris.fault("smb://h/a.mp4") is None
    assert "chained" in str(uris.fault("sftp://h/a::http://x/y"))
    (tmp_path / "r.yaml").write_text("videos: memory://x\nmeasures: [metadata]\nschemes: [memory]\n")
    assert main(["curate", str(tmp_path / "r.yaml"), "--run", str(tmp_path / "run")]) == 2


def test_a_folder_of_cut_clips_is_no_protocol(
    tmp_path: Path, tiny_video: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    how: dict[str, Any] = {"measures": ["metadata"], "shots": "none", "report": False, "quiet": True, "workers": 1}
    hoigen.curate(videos=tiny_video, run="run", **how)
    for out in ("12:30", "concat:a"):
        assert main(["cut", "run", "--out", out, "--quiet"]) == 0
        assert len(list(Path(out).glob("*.mp4"))) == 1


@pytest.mark.parametrize("address", ["s3://bucket/run", "gs://bucket/a.csv", "https://h/a"])
def test_what_is_written_to_a_disk_is_never_given_an_address(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], address: str
) -> None:
    """`s3://bucket/run` as a path is the folder `bucket` in a folder named `s3:` of wherever one is."""
    monkeypatch.chdir(tmp_path)
    commands = [["cut", "r", "--out"], ["table", "r", "--out"], ["stats", "r", "--out"], ["report", "r", "--out"]]
    for command in commands:
        assert main([*command, address]) == 2
        assert "this machine" in capsys.readouterr().err, command
    calls = [
        lambda: hoigen.table("r", out=address),
        lambda: hoigen.prompts(out=Path(address)),
    ]
    for call in calls:
        with pytest.raises(UsageError, match=r"of this machine.* it came as"):
            call()
    assert list(tmp_path.iterdir()) == []
