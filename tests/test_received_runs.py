"""A run of somebody else: its names and links lead nowhere outside of it, and its folder's name is no pattern."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml

import hoigen
from hoigen.commands.cli import main
from hoigen.core.errors import UsageError
from hoigen.data.annotations import Annotation, Annotations
from hoigen.data.files import Folder
from hoigen.data.run import Run

HOW: dict[str, Any] = {"shots": "none", "report": False, "quiet": True, "workers": 1}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, tiny_video: Path) -> Path:
    """A run of one clip, as it is packed and sent."""
    folder = tmp_path_factory.mktemp("sent")
    shutil.copy(tiny_video, folder / "a.mp4")
    hoigen.curate(videos=folder / "a.mp4", run=folder / "run", measures=["metadata"], keep={}, **HOW)
    return folder


@pytest.fixture
def run(made: Path, tmp_path: Path) -> Path:
    """Received, and unpacked."""
    shutil.copytree(made / "run", tmp_path / "run")
    return tmp_path / "run"


def with_id(run: Path, name: str) -> None:
    for file in [*run.glob("clips/*.parquet"), *run.glob("scores/*/*/*.parquet")]:
        table = pq.read_table(file)
        at = table.column_names.index("id")
        pq.write_table(table.set_column(at, table.schema.field("id"), pa.array([name] * len(table))), file)


IDS = ("../../victim", "/tmp/victim", "..", ".", "a/b", "a\\b", "", ".hidden", "a\0b", "a\nb", "x" * 300, "../run/x")


@pytest.mark.parametrize("name", IDS)
def test_clips_are_not_cut_into_files_elsewhere(
    name: str, run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with_id(run, name)
    (tmp_path / "victim.mp4").write_bytes(b"mine")
    before = sorted(tmp_path.rglob("*"))
    assert main(["cut", str(run), "--quiet"]) == 2
    assert "a clip's id is letters, digits, _, -" in capsys.readouterr().err
    assert (tmp_path / "victim.mp4").read_bytes() == b"mine"
    assert set(tmp_path.rglob("*")) - set(before) <= {run / "cut", run / "cut" / ".cut"}


def test_a_clip_is_cut(run: Path) -> None:
    assert main(["cut", str(run), "--quiet"]) == 0
    assert sorted(path.suffix for path in (run / "cut").glob("[!.]*")) == [".jsonl", ".mp4"]


VERBS: dict[str, Callable[[Path], list[str]]] = {
    "curate": lambda run: ["curate", str(run / "run.yaml"), "--run", str(run), "--quiet"],
    "retry": lambda run: ["retry", str(run)],
    "report": lambda run: ["report", str(run)],
    "funnel": lambda run: ["funnel", str(run)],
    "cut": lambda run: ["cut", str(run)],
    "suggest": lambda run: ["suggest", str(run)],
    "caption": lambda run: ["caption", str(run), "--set", "captioner=grounded"],
}
PLACES = (
    *(".lock-0", ".lock-ranks", ".lock-last", "report.html", "calls", "calls/.merge", "run.yaml.part"),
    *("journal/scores-00000.jsonl", "clips/.compact", "joined/x.parquet", "suggest/duration.svg", ".x.part"),
    *(
        "captions/caption.yaml",
        "cut/.cut",
        "cut/metadata.jsonl",
        "scores/metadata/link.parquet",
        "annotations/a.parquet",
        "ranks/found-1",
    ),
)


@pytest.mark.parametrize(
    ("place", "verb"),
    [*((place, "curate") for place in PLACES), *((place, verb) for place in PLACES[:4] for verb in list(VERBS)[1:])],
)
def test_a_link_in_a_run_is_not_followed(
    place: str, verb: str, run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    victim = tmp_path / "victim"
    victim.write_text("mine")
    (run / place).parent.mkdir(parents=True, exist_ok=True)
    (run / place).unlink(missing_ok=True)
    (run / place).symlink_to(victim)
    assert main(VERBS[verb](run)) == 2
    told = capsys.readouterr().err
    assert str(run / place) in told
    assert "is a link" in told
    assert victim.read_text() == "mine"


FOLDERS = ("journal", "joined", "scores", "scores/metadata", "cut", "captions", "annotations", "ranks")


@pytest.mark.parametrize("place", FOLDERS)
def test_a_folder_that_is_a_link(place: str, run: Path, tmp_path: Path) -> None:
    """`joined` would have been emptied of all that is older than an hour."""
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "mine").write_text("mine")
    os.utime(elsewhere / "mine", (0, 0))
    if (run / place).exists():
        shutil.rmtree(run / place)
    (run / place).symlink_to(elsewhere)
    for verb in VERBS.values():
        assert main(verb(run)) == 2
    said = Annotation(clip="c", question="good", value="yes", who="me", tool="t")
    with pytest.raises(UsageError, match="is a link"):
        Annotations(run).append([said])
    assert [path.name for path in elsewhere.iterdir()] == ["mine"]


def test_a_pipe_is_not_waited_for(run: Path) -> None:
    (run / ".lock-0").unlink(missing_ok=True)
    os.mkfifo(run / ".lock-0")
    assert main(["curate", str(run / "run.yaml"), "--run", str(run), "--quiet"]) == 2
    (run / "dir").mkdir()
    with pytest.raises(UsageError, match="is a link or no file"), Folder(str(run)).lock("dir"):
        pass


def test_a_lock_does_not_empty_what_is_there(tmp_path: Path) -> None:
    (tmp_path / "l").write_text("kept")
    (tmp_path / "link").symlink_to(tmp_path / "l")
    with Folder(str(tmp_path)).lock("l"):
        assert (tmp_path / "l").read_text() == "kept"
    with pytest.raises(UsageError, match="is a link"), Folder(str(tmp_path)).lock("link"):
        pass


def test_the_users_own_links_beside_a_run_are_left_alone(run: Path, tmp_path: Path) -> None:
    (run / "my videos").symlink_to(tmp_path)
    (tmp_path / "way").symlink_to(run)
    assert main(["funnel", str(tmp_path / "way")]) == 0
    assert main(["report", str(tmp_path / "way")]) == 0


NAMES = ("../x", "..", "a/../../x", "/etc", "a//b", "./a", "", "a\0b")


@pytest.mark.parametrize("name", NAMES)
def test_no_name_leads_out_of_a_folder(name: str, tmp_path: Path) -> None:
    for folder in (Folder(str(tmp_path)), Folder("s3://bucket/run")):
        with pytest.raises(UsageError, match="is no name of a file or folder in it"):
            folder.path(name)
        with pytest.raises(UsageError, match="is no name of a file or folder in it"):
            folder.child(name)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"name": "../../.."}, "caption.yaml: name"),
        ({"name": "/etc"}, "caption.yaml: name"),
        ({"fingerprint": "../../../x"}, "caption.yaml: fingerprint"),
        ({"fingerprint": 12}, "caption.yaml: fingerprint"),
        (["list"], "caption.yaml: name"),
        ("text", "caption.yaml: name"),
        (None, "caption.yaml: name"),
    ],
)
def test_captions_of_a_run_lie_in_it(change: Any, said: str, run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    facts = {"name": "single", "fingerprint": "0123456789ab"}
    (run / "captions").mkdir()
    written = facts | change if isinstance(change, dict) else change
    (run / "captions" / "caption.yaml").write_text(yaml.safe_dump(written))
    for verb in (["report", str(run)], ["show", str(run), "a.mp4"], ["table", str(run)]):
        assert main(verb) == 2
        assert said in capsys.readouterr().err


@pytest.mark.parametrize("name", ["../../victim", "a/b", "a b", 'x" or 1=1', "é", "a\n", "-"])
def test_a_number_of_a_run_is_the_name_of_a_file(name: str, run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    facts = yaml.safe_load((run / "run.yaml").read_text())
    facts["measured"]["metadata"]["numbers"][0]["name"] = name
    (run / "run.yaml").write_text(yaml.safe_dump(facts))
    for verb in ("suggest", "funnel", "table", "report"):
        assert main([verb, str(run)]) == 2
        assert "numbers[0]: name: letters, digits and _" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["r[1]", "star*", "r?", "r[!x]", "{a,b}", "**", "a'b", 'a"b', "%s", "$HOME", "~"])
def test_the_name_of_a_run_is_no_pattern(
    name: str, made: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Neighbours that the name as a pattern would match have other clips."""
    own = tmp_path / name
    shutil.copytree(made / "run", own)
    for other in ("r1", "star1", "rx", "a", "b", "ry"):
        shutil.copytree(made / "run", tmp_path / other)
        with_id(tmp_path / other, f"other-{other}")
    [clip] = [row["id"] for row in Run(own).clips.read(0)]
    assert main(["table", str(own)]) == 0
    out = capsys.readouterr().out
    assert clip in out
    assert "other" not in out
    assert main(["funnel", str(own)]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == "1 clip: 1 kept"
    assert main(["cut", str(own), "--quiet"]) == 0
    assert [path.stem for path in (own / "cut").glob("*.mp4")] == [clip]
    assert main(["report", str(own)]) == 0
    assert "other-" not in (own / "report.html").read_text()
    again = hoigen.curate(videos=own / "cut", run=tmp_path / "again", measures=["metadata"], **HOW)
    assert again.clips == 1
