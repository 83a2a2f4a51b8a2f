"""Exports of runs: what is planned is what is made, totals add up, and what cannot be is said before any work."""

from __future__ import annotations

import ast
import csv
import errno
import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
import time
import tomllib
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
import yaml
from exporting import WORDS, a_run, export, task_of

import hoigen
from hoigen import video
from hoigen.commands.cli import main
from hoigen.core.errors import SetupError, UsageError
from hoigen.data.run import Run
from hoigen.dataset import split as splits
from hoigen.dataset.contract import literal
from hoigen.dataset.readback import faults
from hoigen.rules import removals
from hoigen.rules.runfile import steps_of
from run_folders import curated, in_this_process


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return a_run(tmp_path_factory.mktemp("run"))


def files(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_a_dry_run_says_what_a_run_does_and_writes_nothing(run: Run, tmp_path: Path) -> None:
    task = task_of(run, "videofolder", tmp_path / "out")
    dry = export(task, dry_run=True)
    assert not (tmp_path / "out").exists()
    assert "3 kept clips: 3 give 3 files, 0 are left out" in str(dry)
    assert "3 files of 17 frames at 128x96" in str(dry)
    assert "3 files are cropped, the most by 20% of the picture" in str(dry)
    assert str(dry).endswith("nothing was written (--dry-run)")
    real = export(task)
    assert real.plan == dry.plan
    assert files(tmp_path / "out" / "videos") == sorted(f"{s.name}.mp4" for s in task.samples())


def test_totals_add_up_where_clips_are_left_out_and_fail(tmp_path: Path) -> None:
    run = a_run(tmp_path, ("First.", None, "Third.", "Fourth.", " \n "))
    rows = sorted((tmp_path / "clips").iterdir())
    rows[3].write_bytes(b"no video at all")
    task = task_of(run, "videofolder", tmp_path / "out")
    result = export(task)
    plan = result.plan
    assert plan.kept == 5 == result.written + result.already + len(result.failed) + sum(plan.left_out.values())
    assert (result.written, len(result.failed), dict(plan.left_out)) == (2, 1, {"no caption": 2})
    assert [s.text for s in task.samples()] == ["First.", "Third."]
    assert (result.incomplete, result.partial) == (False, True)
    assert str(rows[3]) in str(result)
    with (tmp_path / "out" / ".export" / "left_out.csv").open() as file:
        assert [Path(row["uri"]).name for row in csv.DictReader(file)] == ["1.mp4", "4.mp4"]
    lines = (tmp_path / "out" / "metadata.jsonl").read_text().splitlines()
    assert [json.loads(line)["text"] for line in lines] == ["First.", "Third."]


def test_what_is_missing_is_made_and_nothing_else(run: Run, tmp_path: Path) -> None:
    task = task_of(run, "videofolder", tmp_path / "out")
    export(task)
    made = sorted((tmp_path / "out" / "videos").iterdir())
    made[0].unlink()
    made[1].write_bytes(made[1].read_bytes()[:-5])
    stamp = made[2].stat().st_mtime_ns
    result = export(task)
    assert (result.written, result.already) == (2, 1)
    assert made[2].stat().st_mtime_ns == stamp
    assert faults(task.format, tmp_path / "out", list(task.samples())) == []


def test_clips_that_are_not_kept_any_more_leave_the_dataset(tmp_path: Path) -> None:
    run = a_run(tmp_path)
    task = task_of(run, "videofolder", tmp_path / "out")
    export(task)
    shutil.copy(tmp_path / "clips" / "0.mp4", tmp_path / "spare.mp4")
    curated(videos=str(tmp_path / "list.jsonl"), run=run.path, keep={"duration": {"max": 1.0}})
    with pytest.raises(UsageError, match="keep no clip"):
        export(task_of(run, "videofolder", tmp_path / "out"))
    assert len(files(tmp_path / "out" / "videos")) == 3, "an error changes nothing"
    (tmp_path / "list.jsonl").write_text("".join((tmp_path / "list.jsonl").read_text().splitlines(True)[:2]))
    curated(videos=str(tmp_path / "list.jsonl"), run=tmp_path / "fewer", keep={})
    with pytest.raises(UsageError, match=r"was made with run '.*/run', and now it is '.*/fewer'"):
        export(task_of(Run(tmp_path / "fewer"), "videofolder", tmp_path / "out"))


def test_what_somebody_asked_to_be_taken_out_leaves_the_dataset(tmp_path: Path) -> None:
    run = a_run(tmp_path)
    out = tmp_path / "out"
    export(task_of(run, "videofolder", out))
    gone = next(iter(task_of(run, "videofolder", out).samples()))
    asked = tmp_path / "asked.csv"
    asked.write_text(f"kind,value\nvideo,{gone.uri}\n")
    removals.write(run.path, removals.asked(asked, run)[0])
    result = export(task_of(run, "videofolder", out))
    assert dict(result.plan.left_out) == {removals.WHY: 1}
    assert (result.plan.kept, result.samples, list(result.gone)) == (3, 2, [gone.name])
    assert f"{gone.name}.mp4" not in files(out / "videos")
    told = (out / ".export" / "left_out.csv").read_text()
    assert gone.uri not in told, "a list of what was removed does not tell what it was"
    assert gone.id not in told


def test_where_nothing_is_left_to_export_it_says_what_lies_there(tmp_path: Path) -> None:
    run = a_run(tmp_path, ("One.",))
    out = tmp_path / "out"
    export(task_of(run, "videofolder", out))
    asked = tmp_path / "asked.csv"
    asked.write_text(f"kind,value\nvideo,{tmp_path / 'clips' / '0.mp4'}\n")
    removals.write(run.path, removals.asked(asked, run)[0])
    with pytest.raises(UsageError, match=f"what {out} has of it from before is still there: delete that folder"):
        export(task_of(run, "videofolder", out))


def test_a_run_that_was_moved_goes_on_in_its_folder(tmp_path: Path) -> None:
    run = a_run(tmp_path, ("One.",))
    out = tmp_path / "out"
    export(task_of(run, "videofolder", out))
    moved = Run(run.path.rename(tmp_path / "moved"))
    result = export(task_of(moved, "videofolder", out))
    assert (result.written, result.already) == (0, 1)
    other = a_run(tmp_path / "elsewhere", ("One.",))
    moved.path.rename(tmp_path / "away")
    with pytest.raises(UsageError, match=r"was made with run '.*/moved', and now it is '.*/elsewhere/run'"):
        export(task_of(other, "videofolder", out))


def test_captions_of_the_list_are_named_where_the_run_has_none(run: Run, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="3 of them have one in the input list: --captions list takes those"):
        hoigen.export(run.path, to="videofolder", out=str(tmp_path / "out"))


def test_an_address_of_this_machine_is_a_folder_of_it(run: Run, tmp_path: Path) -> None:
    out = tmp_path / "my data"
    with in_this_process():
        result = hoigen.export(
            run.path, to="videofolder", out=f"file://{tmp_path}/my%20data", captions="list", workers=1, quiet=True
        )
    assert (result.samples, result.read_back) == (3, 3)
    assert len(files(out / "videos")) == 3


def test_a_part_of_a_split_is_exported_alone(tmp_path: Path) -> None:
    run = a_run(tmp_path)
    with pytest.raises(UsageError, match=f"{run.path} has no parts yet: hoigen split {run.path} makes them"):
        export(task_of(run, "videofolder", tmp_path / "none", part="train"))
    hoigen.split(run.path, validation=0.4)
    told = pq.read_table(splits.path_of(run)).to_pylist()
    for part, many in (("train", 2), ("validation", 1)):
        task = task_of(run, "videofolder", tmp_path / part, part=part)
        result = export(task)
        assert (result.samples, sum(result.plan.left_out.values())) == (many, 3 - many)
        assert {sample.id for sample in task.samples()} == {row["id"] for row in told if row["part"] == part}
    with pytest.raises(UsageError, match="was made with part 'train', and now it is 'validation'"):
        export(task_of(run, "videofolder", tmp_path / "train", part="validation"))
    pq.write_table(pq.read_table(splits.path_of(run)).slice(0, 1), splits.path_of(run))
    with pytest.raises(UsageError, match="has no part for 2 clips that are kept now; hoigen split "):
        export(task_of(run, "videofolder", tmp_path / "again", part="train"))
    with pytest.raises(UsageError, match="--part: train or validation; it came as 'test'"):
        hoigen.export(run.path, to="videofolder", out=str(tmp_path / "test"), part="test")


@pytest.mark.parametrize(
    ("asked", "why"),
    [
        ({"fps": 30.0}, "3 fewer than 30 frames a second"),
        ({"frames": (81,)}, "3 shorter than 81 frames at 8 fps"),
        ({"sizes": ((720, 480),)}, "3 smaller than 720x480"),
    ],
)
def test_what_no_clip_can_be_is_said_before_any_work(
    run: Run, tmp_path: Path, asked: dict[str, object], why: str
) -> None:
    with pytest.raises(UsageError, match=f"of 3 kept clips none can be exported so: {why}"):
        export(task_of(run, "videofolder", tmp_path / "out", **asked))
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--to", "diffuser"], "--to: unknown format 'diffuser'; did you mean 'diffusers'?"),
        (["--frames", "48"], "--frames: 4N+1 for this trainer, as 45 or 49; it came as 48"),
        (["--frames", "many"], "--frames: a whole number, or several"),
        (["--size", "100x100"], "--size: WIDTHxHEIGHT in multiples of 16"),
        (["--size", "480p"], "--size: WIDTHxHEIGHT (720x480)"),
        (["--fps", "0"], "--fps: more than 0"),
        (["--set", "model=7b"], "--set.diffusers.model: one of 2b, 5b, 1.5-5b; it came as '7b'"),
        (["--set", "modell=5b"], "--set.diffusers: unknown key 'modell'; did you mean 'model'?"),
        (["--captions", "run"], "no caption of any of its 3 kept clips: hoigen caption writes them"),
        (["--tokenizer", "/nowhere"], "--tokenizer /nowhere: no such folder"),
        (["--out", ""], "--out: a folder; it came as an empty text"),
        (["--out", "ftp://x/y"], "ftp:// is not opened"),
        (["--workers", "-1"], "workers"),
    ],
)
def test_what_is_asked_wrongly_is_one_error_before_anything_is_written(
    run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str], options: list[str], said: str
) -> None:
    if options[0] == "--tokenizer":
        pytest.importorskip("transformers", reason="extra [models]: make test brings it")
    given = ["--to", "diffusers", "--captions", "list", "--out", str(tmp_path / "out"), *options]
    assert main(["export", str(run.path), *given]) == 2
    shown = capsys.readouterr().err
    assert said in shown
    assert shown.count("\n") == 1
    assert files(tmp_path) == []


@pytest.mark.parametrize("lacking", ["--to", "--out"])
def test_what_must_be_given_is_named(run: Run, capsys: pytest.CaptureFixture[str], lacking: str) -> None:
    given = {"--to": "videofolder", "--out": "/nowhere/at/all"}
    words = [word for key, value in given.items() if key != lacking for word in (key, value)]
    assert main(["export", str(run.path), *words]) == 2
    assert f"the following arguments are required: {lacking}" in capsys.readouterr().err


def test_folders_that_hold_other_things_are_refused(
    run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "notes.txt").write_text("somebody's")
    common = ["export", str(run.path), "--to", "videofolder", "--captions", "list", "--quiet"]
    assert main([*common, "--out", str(tmp_path)]) == 2
    assert "holds other files (notes.txt): give a new folder" in capsys.readouterr().err
    assert main([*common, "--out", str(tmp_path / "notes.txt" / "x")]) == 2
    assert "notes.txt is a file" in capsys.readouterr().err
    export(task_of(run, "videofolder", tmp_path / "out"))
    assert main([*common, "--out", str(tmp_path / "out"), "--fps", "12"]) == 2
    assert "was made with fps 8.0, and now it is 12.0" in capsys.readouterr().err
    (tmp_path / "out" / ".export" / "export.json").write_text("{")
    assert main([*common, "--out", str(tmp_path / "out")]) == 2
    assert "export.json is damaged" in capsys.readouterr().err


def test_a_full_disk_is_said_before_any_work(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.disk_usage", lambda path: shutil._ntuple_diskusage(10, 9, 1))
    with pytest.raises(UsageError, match=r"the disk has 0\.0 GB left, and 3 clips take at least"):
        export(task_of(run, "videofolder", tmp_path / "out"))
    assert not (tmp_path / "out").exists()


def test_a_disk_that_fills_up_stops_it_and_leaves_nothing_half_written(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = Path.replace

    def full(self: Path, target: Path) -> Path:
        if Path(target).suffix == ".mp4" and sum(1 for _ in Path(target).parent.glob("*.mp4")) == 1:
            raise OSError(errno.ENOSPC, "No space left on device")
        return before(self, target)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", full)
        with pytest.raises(SetupError, match="No space left on device"):
            export(task_of(run, "videofolder", tmp_path / "out"))
    assert len(files(tmp_path / "out" / "videos")) == 1
    assert not files(tmp_path / "out" / ".export" / "parts")
    assert not (tmp_path / "out" / "metadata.jsonl").exists(), "no list of half a dataset"
    result = export(task_of(run, "videofolder", tmp_path / "out"))
    assert (result.written, result.already, result.read_back) == (2, 1, 3)


def test_videos_that_are_as_wanted_are_linked(run: Run, tmp_path: Path) -> None:
    with in_this_process():
        result = hoigen.export(
            run.path, to="videofolder", out=str(tmp_path / "out"), captions="list", link=True, workers=1, quiet=True
        )
    assert (result.written, result.linked) == (3, 3)
    assert {path.stat().st_nlink for path in (tmp_path / "out" / "videos").iterdir()} == {2}
    with in_this_process():
        result = hoigen.export(
            run.path, to="videofolder", out=str(tmp_path / "other"), captions="list", link=True, workers=1, quiet=True,
            fps=8, frames="17",
        )  # fmt: skip
    assert (result.written, result.linked) == (3, 0), "another rate is not what lies there"


def test_clips_as_they_are_keep_their_frames_and_times(run: Run, tmp_path: Path) -> None:
    task = task_of(run, "videofolder", tmp_path / "out", fps=None, frames=(), sizes=())
    export(task)
    for sample in task.samples():
        before = [at for _, at in video.walk(sample.uri, short_side=None)]
        after = [at for _, at in video.walk(str(tmp_path / "out" / sample.file), short_side=None)]
        assert len(before) == len(after) == sample.frames == 58
        assert after == pytest.approx(before, abs=1e-3)
        assert (sample.width, sample.height, sample.seconds) == (160, 96, pytest.approx(2.417, abs=1e-2))


def test_a_long_clip_gives_stretches_one_after_another(run: Run, tmp_path: Path) -> None:
    task = task_of(run, "videofolder", tmp_path / "out", frames=(5, 9), take="all")
    result = export(task)
    samples = list(task.samples())
    assert (result.plan.kept, result.plan.files, len(samples)) == (3, 6, 6)
    assert [s.text for s in samples] == [text for text in WORDS for _ in range(2)]
    assert [round(s.start, 3) for s in samples[:2]] == [0.0, 1.125]
    assert {s.frames for s in samples} == {9}


def test_an_export_to_a_store(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOIGEN_SCHEMES", "memory")
    task = task_of(run, "videofolder", "memory://exports/first")
    result = export(task)
    assert (result.written, result.samples, result.read_back) == (3, 3, None)
    assert "not read back: the folder is no folder of this machine" in str(result)
    assert len(task.out.child("videos").names()) == 3
    rows = [json.loads(line) for line in task.out.read("metadata.jsonl").decode().splitlines()]
    assert [row["text"] for row in rows] == list(WORDS)
    assert (export(task).already, export(task).written) == (3, 0)


def test_the_tokens_of_captions_are_counted_or_estimated_and_it_is_said_which(run: Run, tmp_path: Path) -> None:
    from dataclasses import replace

    from hoigen.dataset.wording import Counter

    task = task_of(run, "diffusers", tmp_path / "out")
    assert task.format.wants.tokens == 226
    estimated = str(export(task, dry_run=True))
    assert "0 captions may have more than 226 tokens, by an estimate of 1.35 tokens a word" in estimated
    assert "are cut" not in estimated
    exact = replace(task, counter=Counter(lambda text: 40 * len(text.split()), True, "the tokenizer in T"))
    assert "2 captions are cut: they have more than 226 tokens (the longest 320" in str(export(exact, dry_run=True))


def test_a_tokenizer_of_the_model_counts(tmp_path: Path) -> None:
    transformers = pytest.importorskip("transformers", reason="extra [models]: make test brings it")
    from hoigen.dataset.wording import counter

    pieces = [("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0), ("▁", -2.0), *((sign, -3.0) for sign in "abcdefgh")]
    made = transformers.T5Tokenizer(vocab=pieces, extra_ids=0, additional_special_tokens=[])
    made.save_pretrained(tmp_path)
    count = counter(tmp_path, "", "")
    assert count.exact
    assert count.count("abc de") == len("▁abc▁de") + 1, "the end's mark counts"
    assert not counter(None, "", "").exact


def test_what_is_not_whole_yet_never_lies_beside_the_clips(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from hoigen.dataset import making

    seen = []
    digest = making._sha256  # a file is made, and has not got its name yet
    monkeypatch.setattr(
        making,
        "_sha256",
        lambda *args: seen.append([name for name in files(tmp_path / "out") if name.endswith(".mp4")]) or digest(*args),
    )
    export(task_of(run, "cogvideo_sat", tmp_path / "out"))
    assert [len(names) for names in seen] == [0, 1, 2]
    assert all(name.startswith("videos/") for names in seen for name in names)


def test_an_export_that_was_killed_goes_on_where_it_was(tmp_path: Path) -> None:
    run = a_run(tmp_path, tuple(f"Caption {at}." for at in range(6)), seconds=4.0)
    out = tmp_path / "out"
    words = ["export", str(run.path), "--to", "videofolder", "--out", str(out), "--captions", "list", "--quiet"]
    words += ["--fps", "12", "--size", "320x240", "--enlarge", "--workers", "1"]
    process = subprocess.Popen([sys.executable, "-m", "hoigen", *words], start_new_session=True)
    journal = out / ".export" / "journal" / "export-00000.jsonl"
    while process.poll() is None and not (journal.is_file() and journal.read_bytes().count(b"\n") >= 2):
        time.sleep(0.02)
    assert process.poll() is None, "it was too quick to be killed"
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    assert not (out / "metadata.jsonl").exists()
    with in_this_process():
        result = hoigen.export(
            run.path, to="videofolder", out=str(out), captions="list", fps=12, size="320x240", enlarge=True, workers=1,
            quiet=True,
        )  # fmt: skip
    assert result.already >= 2
    assert (result.written + result.already, result.samples, result.read_back) == (6, 6, 6)
    assert not list((out / "videos").glob(".*"))


@pytest.mark.parametrize("name", ["../../outside", "two\nlines", "/tmp/x", "a b"])
def test_ids_of_clips_that_are_no_names_of_files_are_refused(tmp_path: Path, name: str) -> None:
    run = a_run(tmp_path, ("One.",))
    _, [step] = steps_of(run)
    for table in (run.clips, run.scores(step.name, step.fingerprint, step.emits)):
        table.write(0, [row | {"id": name} for row in table.read(0)])
    with pytest.raises(UsageError, match="a clip's id is letters, digits"):
        export(task_of(run, "videofolder", tmp_path / "out"))
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("text", ["a", 'o\'dd "Jürgen" $x \\u0000', "日本 🍞", "tab\there"])
def test_a_text_is_the_same_to_toml_yaml_and_python(text: str) -> None:
    written = literal(text)
    assert written.isascii()
    assert (
        tomllib.loads(f"x = {written}")["x"] == yaml.safe_load(f"[{written}]")[0] == ast.literal_eval(written) == text
    )


def test_files_of_trainers_name_folders_of_any_letters(run: Run, tmp_path: Path) -> None:
    out = tmp_path / 'o\'dd "Jürgen" $x 🍞'
    result = export(task_of(run, "musubi", out))
    assert (result.samples, result.read_back) == (3, 3)
    [told] = tomllib.loads((out / "dataset.toml").read_text("ascii"))["datasets"]
    assert Path(told["video_jsonl_file"]).parent == out
    assert str(result).endswith(shlex.quote(f"{out}/dataset.toml")), "as a shell takes it"
    odd = replace(result, start='load_dataset("parquet", data_dir="OUT/data")')
    assert str(odd).endswith(f"data_dir={json.dumps(f'{out}/data', ensure_ascii=False)})"), "as Python takes it"


@pytest.mark.parametrize(
    ("format", "asked", "said"),
    [
        (
            "open_sora",
            {"sizes": ((320, 176), (128, 96))},
            "128x96: the trainer drops what has less than 0.8 of its 256px",
        ),
        ("open_sora", {"sizes": ((320, 176), (1024, 576))}, "320x176: .* less than 0.8 of its 768px"),
        (
            "open_sora",
            {"sizes": ((320, 176),), "frames": (1,)},
            "1: the trainer reads a clip of one frame as a picture",
        ),
        ("diffusion_pipe", {"frames": (1, 17)}, "1: the trainer reads a clip of one frame as a picture"),
    ],
)
def test_what_a_trainer_would_lose_is_refused_before_any_work(
    run: Run, tmp_path: Path, format: str, asked: dict[str, Any], said: str
) -> None:
    with pytest.raises(UsageError, match=f"--frames, --size: {said}"):
        export(task_of(run, format, tmp_path / "out", enlarge=True, **asked))
    assert not (tmp_path / "out").exists()
