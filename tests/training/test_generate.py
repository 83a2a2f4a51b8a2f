"""hoigen generate: tiny pipelines of the true architectures, programs, services; what is resumed, what is refused."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from alike import OTHER, SAME, apart

from hoigen.commands.cli import main
from hoigen.commands.evaluate import evaluate
from hoigen.commands.generate import Generated, generate
from hoigen.core import trusted
from hoigen.core.clip import Clip, EveryFrame
from hoigen.core.errors import SetupError, UsageError
from hoigen.evaluation.models import paper
from hoigen.training.generators import generator_of, known
from hoigen.training.made import seed_of
from hoigen.video import decode, probe
from hoigen.video.writing import video_of
from render import pan, render, texture

SUITE = {
    "suite": "two",
    "version": 1,
    "rule": {},
    "prompts": [
        {"id": "ride_bicycle", "prompt_short": "A person is riding a bicycle.", "verb": "ride", "object": "bicycle"},
        {"id": "hold_cup", "prompt_short": "A person is holding a cup.", "verb": "hold", "object": "cup"},
    ],
}
SMALL = ["frames=9", "fps=8", "height=32", "width=32", "steps=2", "guidance=2", "dtype=float32", "device=cpu"]


@pytest.fixture
def suite(tmp_path: Path) -> Path:
    path = tmp_path / "suite.json"
    path.write_text(json.dumps(SUITE))
    return path


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("diffusers", reason="extra [train] is not installed")
    import tiny_pipelines

    folder = tmp_path_factory.mktemp("models")
    tiny_pipelines.cogvideox(folder / "cog")
    tiny_pipelines.wan(folder / "wan")
    return folder


def make(model: Path | str, suite: Path, out: Path, **changes: Any) -> Generated:
    given: dict[str, Any] = {"model": str(model), "prompts": suite, "out": out, "set": SMALL, "quiet": True}
    return generate(**given | changes)


def content(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.glob("*.mp4"))}


def assert_alike(found: dict[str, bytes], expected: dict[str, bytes]) -> None:
    """The same videos, and each unlike any other."""
    assert list(found) == list(expected)
    for name, data in found.items():
        differences = {other: apart(data, shown) for other, shown in expected.items()}
        assert differences.pop(name) < SAME
        assert min(differences.values()) > OTHER, "and unlike any other"


def test_videos_and_records_and_only_what_is_missing(models: Path, suite: Path, tmp_path: Path) -> None:
    out = tmp_path / "generated"
    done = make(models / "cog", suite, out, samples=2)
    assert (done.asked, done.made, done.already, dict(done.failed)) == (4, 4, 0, {})
    first = content(out / "cog")
    assert list(first) == [f"{name}-{at}.mp4" for name in ("hold_cup", "ride_bicycle") for at in (0, 1)]
    assert len(set(first.values())) == 4, "each has its own noise"
    header = probe(str(out / "cog" / "hold_cup-0.mp4"))
    assert (header.frames, header.fps, header.width, header.height) == (9, 8, 32, 32)
    record = json.loads((out / "cog" / "hold_cup-1.json").read_text())
    assert record["seed"] == seed_of(0, "hold_cup", 1)
    assert record["prompt"] == "A person is holding a cup."
    assert record["settings"]["steps"] == 2
    assert record["settings"]["pipeline"] == "CogVideoXPipeline"
    assert record["settings"]["revision"].startswith("local:")
    assert record["versions"]["diffusers"]
    (out / "cog" / "hold_cup-0.mp4").unlink()  # lost
    (out / "cog" / "ride_bicycle-0.mp4").write_bytes(b"damaged")
    (out / "cog" / "ride_bicycle-1.json").unlink()  # killed between video and record
    again = make(models / "cog", suite, out, samples=2)
    assert (again.made, again.already) == (3, 1)
    assert content(out / "cog") == first
    assert make(models / "cog", suite, out, samples=2, set=[*SMALL, "batch=2", "slicing=true"]).made == 0
    with pytest.raises(UsageError, match=r"hold_cup-0.mp4 was made otherwise: steps 2 there, 3 now|ride_bicycle-0.mp4"):
        make(models / "cog", suite, out, set=[*SMALL, "steps=3"])
    with pytest.raises(UsageError, match="seed"):
        make(models / "cog", suite, out, seed=7)
    (tmp_path / "recipe.yaml").write_text("measures: [metadata, motion]\n")
    measured = evaluate(
        videos=[out], prompts=suite, run=tmp_path / "run", recipe=tmp_path / "recipe.yaml", quiet=True, report=False
    )
    assert {name: (each.videos, each.prompts) for name, each in measured.models.items()} == {"cog": (4, 2)}
    assert not measured.strays
    assert not measured.failed


@pytest.mark.slow
def test_two_processes_give_the_same(models: Path, suite: Path, tmp_path: Path) -> None:
    make(models / "wan", suite, tmp_path / "one")
    make(models / "wan", suite, tmp_path / "two", set=[*SMALL, "processes=2"])
    assert_alike(content(tmp_path / "two" / "wan"), content(tmp_path / "one" / "wan"))


def test_a_batch_and_two_parts_give_the_same(models: Path, suite: Path, tmp_path: Path) -> None:
    make(models / "wan", suite, tmp_path / "one")
    make(models / "wan", suite, tmp_path / "batch", set=[*SMALL, "batch=2"])
    one = content(tmp_path / "one" / "wan")
    assert len(one) == 2
    assert_alike(content(tmp_path / "batch" / "wan"), one)
    for rank in (0, 1):
        done = make(models / "wan", suite, tmp_path / "ranks", set=SMALL, part=f"{rank}/2")
        assert (done.asked, done.made) == (1, 1)
    assert_alike(content(tmp_path / "ranks" / "wan"), one)


@pytest.mark.slow
def test_killed_at_any_moment_the_same_command_goes_on(models: Path, suite: Path, tmp_path: Path) -> None:
    words = ["--model", str(models / "cog"), "--prompts", str(suite), "--out", str(tmp_path / "out"), "--quiet"]
    words += [part for each in SMALL for part in ("--set", each)] + ["--samples", "3"]
    process = subprocess.Popen(
        [sys.executable, "-m", "hoigen", "generate", *words], env=os.environ, stdout=subprocess.DEVNULL
    )
    until = time.monotonic() + 240
    while time.monotonic() < until and process.poll() is None and not list((tmp_path / "out").rglob("*.mp4")):
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait()
    there = len(list((tmp_path / "out" / "cog").glob("*.json")))
    done = make(models / "cog", suite, tmp_path / "out", samples=3)
    assert done.made + done.already == 6
    assert done.already == there
    assert not list((tmp_path / "out").rglob("*.part")) or done.made
    make(models / "cog", suite, tmp_path / "whole", samples=3)
    assert content(tmp_path / "out" / "cog") == content(tmp_path / "whole" / "cog")


@pytest.mark.slow
def test_pixels_that_are_no_numbers_fail_and_are_not_written(
    models: Path, suite: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from safetensors.torch import load_file, save_file

    shutil.copytree(models / "wan", tmp_path / "broken")
    [file] = (tmp_path / "broken" / "vae").glob("*.safetensors")
    weights = load_file(file)
    weights["decoder.conv_out.bias"] = weights["decoder.conv_out.bias"] * float("nan")
    save_file(weights, file, metadata={"format": "pt"})
    words = ["--model", str(tmp_path / "broken"), "--prompts", str(suite), "--out", str(tmp_path / "out"), "--quiet"]
    assert main(["generate", *words, *(part for each in SMALL for part in ("--set", each))]) == 1
    assert "failed: ride_bicycle-0: the pixels hold no numbers" in capsys.readouterr().out
    assert not list((tmp_path / "out").rglob("*.mp4"))


def test_lora_weights_of_another_architecture(models: Path, suite: Path, tmp_path: Path) -> None:
    import torch
    from safetensors.torch import save_file

    save_file(
        {
            "transformer.blocks.0.attn1.to_q.lora_A.weight": torch.zeros(2, 999),
            "transformer.blocks.0.attn1.to_q.lora_B.weight": torch.zeros(999, 2),
        },
        tmp_path / "pytorch_lora_weights.safetensors",
    )
    with pytest.raises(UsageError, match=r"another architecture than WanPipeline: .*is of size 999, and .*of 24"):
        make(models / "wan", suite, tmp_path / "out", lora=tmp_path)
    with pytest.raises(UsageError, match=r"another architecture than CogVideoXPipeline: transformer has no blocks.0"):
        make(models / "cog", suite, tmp_path / "out", lora=tmp_path)
    with pytest.raises(UsageError, match="no such file"):
        make(models / "cog", suite, tmp_path / "out", lora=tmp_path / "nothing")
    assert not (tmp_path / "out").exists(), "nor an empty folder"


@pytest.mark.parametrize(
    ("change", "error", "said"),
    [
        ({"call": {"eta": 0.5, "etaa": 1}}, UsageError, r"call.etaa: no further argument of CogVideoXPipeline"),
        ({"fps": None}, UsageError, "fps: must be given"),
        ({"width": 33}, UsageError, "width: an even number; it came as 33"),
        ({"parts": {"unet": "float32"}}, UsageError, "parts.unet: cog has no such part"),
        ({"offload": "model"}, UsageError, "without a card it is none"),
        ({"device": "cuda:7"}, SetupError, "device 'cuda:7' cannot be used"),
    ],
)
def test_settings_that_cannot_be(
    change: dict[str, Any], error: type[Exception], said: str, models: Path, suite: Path, tmp_path: Path
) -> None:
    import yaml

    values = {pair.partition("=")[0]: yaml.safe_load(pair.partition("=")[2]) for pair in SMALL}
    (tmp_path / "mine.yaml").write_text(yaml.safe_dump(values | {"model": str(models / "cog")} | change))
    with pytest.raises(error, match=said):
        make(tmp_path / "mine.yaml", suite, tmp_path / "out", set=[])
    assert not list(tmp_path.glob("out/*/*.mp4"))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"set": [*SMALL, "ranks=2"]}, r"--set ranks=2: machines share .* by --part i/n"),
        ({"part": "2/2"}, r"--part 2/2: i/n with i from 0 to n - 1"),
        ({"part": "0/2", "manifest": Path("list.csv")}, r"--part 0/2: .* those of --manifest are taken in as a whole"),
    ],
)
def test_parts_that_cannot_be(change: dict[str, Any], said: str, models: Path, suite: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=said):
        make(models / "wan", suite, tmp_path / "out", **change)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("part", "value", "said"),
    [
        (
            "vae",
            ["evil", "Code"],
            r"the part 'vae' is \['evil', 'Code'\]; it may be a class of",
        ),
        ("_class_name", "NoSuchPipeline", "has no NoSuchPipeline"),
        ("_class_name", "WanImageToVideoPipeline", "does not make videos of words alone: it needs image"),
    ],
)
def test_folders_that_are_no_text_to_video_pipeline(
    part: str, value: Any, said: str, models: Path, suite: Path, tmp_path: Path
) -> None:
    shutil.copytree(models / "wan", tmp_path / "odd")
    index = tmp_path / "odd" / "model_index.json"
    index.write_text(json.dumps(json.loads(index.read_text()) | {part: value}))
    with pytest.raises((UsageError, SetupError), match=said):
        make(tmp_path / "odd", suite, tmp_path / "out")
    (tmp_path / "empty").mkdir()
    with pytest.raises(SetupError, match="names no pipeline of diffusers"):
        make(tmp_path / "empty", suite, tmp_path / "out")


def test_pickles_are_not_loaded(models: Path, suite: Path, tmp_path: Path) -> None:
    shutil.copytree(models / "wan", tmp_path / "old")
    [file] = (tmp_path / "old" / "vae").glob("*.safetensors")
    file.rename(file.with_suffix(".bin"))
    with pytest.raises(SetupError, match="no pickle is loaded"):
        make(tmp_path / "old", suite, tmp_path / "out")


PROGRAM = """
import argparse, pathlib, sys
sys.path[:0] = {path!r}
from render import counting, render
p = argparse.ArgumentParser()
p.add_argument("--prompts"); p.add_argument("--prompt"); p.add_argument("--out"); p.add_argument("--seed", type=int)
a = p.parse_args()
lines = pathlib.Path(a.prompts).read_text().splitlines() if a.prompts else [a.prompt]
if "cup" in lines[-1] and pathlib.Path("fail").exists():
    print("no memory for cups"); sys.exit(3)
for at, line in enumerate(lines):
    render(pathlib.Path(a.out) / f"sample_{{at:04d}}.mp4", counting(5 + a.seed % 3 + 5 * ("cup" in line)), fps=8)
"""


@pytest.mark.parametrize("words", ["--prompts {prompts_file}", "--prompt {prompt}"])
def test_a_program_in_its_own_environment(words: str, suite: Path, tmp_path: Path) -> None:
    (tmp_path / "code").mkdir()
    (tmp_path / "code" / "program.py").write_text(PROGRAM.format(path=sys.path))
    command = ["{python}", "program.py", *words.split(), "--out", "{out_dir}", "--seed", "{seed}"]
    file = tmp_path / "mine.yaml"
    file.write_text(
        json.dumps({"kind": "command", "command": command, "outputs": "sample_{index:04d}.mp4", "licence": "mine"})
    )
    sets = [f"folder={tmp_path / 'code'}", f"python={sys.executable}"]
    with pytest.raises(UsageError, match="--trust"):
        make(file, suite, tmp_path / "out", set=sets)
    trusted.grant(file)
    with pytest.raises(UsageError, match="folder: must be given"):
        make(file, suite, tmp_path / "out", set=[])
    (tmp_path / "code" / "fail").touch()
    told = r"ended with 3; it said at its end:\s+no memory for cups"
    if "file" in words:
        with pytest.raises(SetupError, match=told):
            make(file, suite, tmp_path / "out", set=sets)
    else:
        assert re.search(told, make(file, suite, tmp_path / "out", set=sets).failed["hold_cup-0"])
    (tmp_path / "code" / "fail").unlink()
    done = make(file, suite, tmp_path / "out", set=sets, samples=2)
    assert done.made + done.already == 4
    assert make(file, suite, tmp_path / "out", set=sets, samples=2).made == 0
    record = json.loads((tmp_path / "out" / "mine" / "hold_cup-1.json").read_text())
    seed = 1 if "file" in words else seed_of(0, "hold_cup", 1)
    assert record["seed"] == seed
    assert record["video"]["frames"] == 10 + seed % 3, "the cup's video is the cup's"
    with pytest.raises(SetupError, match=r"left 0 files like 'x.mp4', not one; there are"):
        make(file, suite, tmp_path / "other", set=[*sets, "outputs=x.mp4"])


def test_videos_of_a_service(suite: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    frames = pan(texture(1, (90, 120)), 6, (1, 0), (48, 64))
    for name in ("a.mp4", "b.mp4", "A person is holding a cup.-3.mp4"):
        render(tmp_path / name, frames, fps=24)
    rows = [
        "video,prompt,seed,version",
        "a.mp4,A person is riding a bicycle.,5,2024-11",
        "b.mp4,A person is holding a cup.,,",
    ]
    (tmp_path / "list.csv").write_text("\n".join(rows) + "\n")
    words = ["--model", "gen-3", "--prompts", str(suite), "--out", str(tmp_path / "out")]
    assert main(["generate", *words, "--manifest", str(tmp_path / "list.csv")]) == 0
    said = capsys.readouterr().out
    assert "2 videos: 2 made" in said
    assert "2 videos have width 64, where gen-3 is meant for 1280" in said
    record = json.loads((tmp_path / "out" / "gen-3" / "ride_bicycle-0.json").read_text())
    assert (record["seed"], record["said"], record["from"]) == (5, {"version": "2024-11"}, "a.mp4")
    assert main(["generate", *words, "--manifest", str(tmp_path / "list.csv")]) == 0
    assert "0 made, 2 there before" in capsys.readouterr().out
    for row, told in (
        ("c.mp4,x,,", "line 4, column video: no such file"),
        ("a.mp4,A person flies.,,", "prompt 'A person flies.' is of no prompt of 'two'"),
        ("list.csv,A person is holding a cup.,,", "one of"),
    ):
        (tmp_path / "bad.csv").write_text("\n".join([*rows, row]) + "\n")
        assert main(["generate", *words, "--out", str(tmp_path / "bad"), "--manifest", str(tmp_path / "bad.csv")]) == 2
        assert told in capsys.readouterr().err
        assert not (tmp_path / "bad").exists()
    assert main(["generate", *words]) == 2
    assert "a service makes its videos itself" in capsys.readouterr().err


def test_what_a_service_made_is_never_mixed(suite: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for at, name in enumerate(("a", "b", "c")):
        render(tmp_path / f"{name}.mp4", pan(texture(at, (90, 120)), 6, (1, 0), (48, 64)), fps=24)
    manifest = tmp_path / "list.csv"
    manifest.write_text("video,prompt_id\na.mp4,hold_cup\nb.mp4,ride_bicycle\n")
    words = ["generate", "--model", "gen-3", "--prompts", str(suite), "--manifest", str(manifest)]
    words += ["--out", str(tmp_path / "out")]
    assert main([*words, "--dry-run"]) == 0
    assert "2 videos, 0 there, 2 to make" in capsys.readouterr().out
    for more, said in (
        (["--name", "../other"], "--name: the name of a folder"),
        (["--lora", "x"], "--lora: of videos that are made here"),
        (["--samples", "2"], "--samples: of videos that are made here"),
        (["--seed", "2"], "--seed: of videos that are made here"),
    ):
        assert main([*words, *more]) == 2
        assert said in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
    assert not (tmp_path / "other").exists()
    assert main(words) == 0
    before = content(tmp_path / "out")
    for rows, said in (
        ("c.mp4,hold_cup\nb.mp4,ride_bicycle", "hold_cup-0 is there, of other content"),
        ("a.mp4,hold_cup\na.mp4,ride_bicycle", "line 3, column video: a.mp4 is the video of hold_cup-0 already"),
    ):
        manifest.write_text(f"video,prompt_id\n{rows}\n")
        assert main(words) == 2
        assert said in capsys.readouterr().err
    assert content(tmp_path / "out") == before


FAILING = """
import pathlib, shutil, sys
mode, video, out, what = sys.argv[1:]
lines = pathlib.Path(what).read_text().splitlines() if mode.startswith("batch") else [what]
for at, line in enumerate(lines):
    if "two" in line and mode in ("one", "batch"):
        if mode == "one":
            sys.exit("no twos")
        continue
    if mode == "batch-stops" and "three" in line:
        pathlib.Path(out, f"{at}.mp4").write_bytes(pathlib.Path(video).read_bytes()[:-9])
        sys.exit("no threes")
    shutil.copy(video, f"{out}/{at}.mp4")
"""


@pytest.mark.parametrize("mode", ["one", "batch", "batch-stops"])
def test_a_program_that_fails_at_one_video_keeps_the_others(mode: str, tmp_path: Path) -> None:
    (tmp_path / "suite.txt").write_text("A cup, one.\nA cup, two.\nA cup, three.\n")
    (tmp_path / "program.py").write_text(FAILING)
    render(tmp_path / "video.mp4", pan(texture(1, (90, 120)), 6, (1, 0), (48, 64)), fps=24)
    hole = "{prompt}" if mode == "one" else "{prompts_file}"
    command = [sys.executable, "program.py", mode, str(tmp_path / "video.mp4"), "{out_dir}", hole]
    file = tmp_path / "mine.yaml"
    file.write_text(json.dumps({"kind": "command", "command": command, "outputs": "{index}.mp4", "frames": 49}))
    trusted.grant(file)
    done = make(file, tmp_path / "suite.txt", tmp_path / "out", set=[f"folder={tmp_path}"])
    assert (done.made, len(done.failed)) == (2, 1)
    [(name, why)] = done.failed.items()
    assert ("three" if mode == "batch-stops" else "two") in name
    assert {"one": "no twos", "batch": "left 0 files", "batch-stops": "no threes"}[mode] in why
    assert done.notes == ["2 videos have frames 6, where mine is meant for 49"]
    words = ["--model", str(file), "--prompts", str(tmp_path / "suite.txt"), "--out", str(tmp_path / "again")]
    assert main(["generate", *words, "--set", f"folder={tmp_path}", "--quiet", "--trust", str(file)]) == 3


HANGS = """
import pathlib, shutil, subprocess, sys, time
what, video, out, notes = sys.argv[1:]
if "two" in what:
    print("loading weights")
    helper = subprocess.Popen(["sleep", "600"], start_new_session=True)
    pathlib.Path(notes).write_text(str(helper.pid))
    time.sleep(600)
for at in range(6):  # slower than the deadline as a whole, and never without a sign
    time.sleep(0.2)
    print("step", at)
shutil.copy(video, f"{out}/0.mp4")
"""


def hanging(tmp_path: Path, suite: str) -> Path:
    """Settings of a program that hangs at `two` with a process below it, whose id it notes in `helper`."""
    (tmp_path / "suite.txt").write_text(suite)
    (tmp_path / "program.py").write_text(HANGS)
    render(tmp_path / "video.mp4", pan(texture(1, (90, 120)), 6, (1, 0), (48, 64)), fps=24)
    own = [str(tmp_path / "video.mp4"), "{out_dir}", str(tmp_path / "helper")]
    file = tmp_path / "mine.yaml"
    command = [sys.executable, "program.py", "{prompt}", *own]
    file.write_text(json.dumps({"kind": "command", "command": command, "outputs": "0.mp4", "folder": str(tmp_path)}))
    trusted.grant(file)
    return file


def is_gone(process: int) -> bool:
    """Whether a process ends within ten seconds."""
    until = time.monotonic() + 10
    while time.monotonic() < until:
        try:
            if Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] == "Z":
                return True
        except OSError:
            return True
        time.sleep(0.02)
    return False


def test_a_program_that_hangs_is_ended_with_all_that_it_has_started(tmp_path: Path) -> None:
    file = hanging(tmp_path, "A cup, one.\nA cup, two.\nA cup, three.\n")
    done = make(file, tmp_path / "suite.txt", tmp_path / "out", set=["deadline=0.9"])
    assert done.made == 2
    [why] = done.failed.values()
    assert "printed nothing and wrote no file for 0.9 s, and was ended (--set deadline=...)" in why
    assert why.endswith("it said at its end:\n  loading weights")
    assert is_gone(int((tmp_path / "helper").read_text()))
    with pytest.raises(UsageError, match="deadline"):
        make(file, tmp_path / "suite.txt", tmp_path / "out", set=["deadline=0"])


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_a_program_ends_with_hoigen(number: signal.Signals, tmp_path: Path) -> None:
    file = hanging(tmp_path, "A cup, two.\n")
    words = ["--model", str(file), "--prompts", str(tmp_path / "suite.txt"), "--out", str(tmp_path / "out"), "--quiet"]
    process = subprocess.Popen(
        [sys.executable, "-m", "hoigen", "generate", *words, "--trust", str(file)], stderr=subprocess.DEVNULL
    )
    notes = tmp_path / "helper"
    while process.poll() is None and not (notes.exists() and notes.read_text()):
        time.sleep(0.02)
    process.send_signal(number)
    assert process.wait() == (130 if number == signal.SIGINT else -number)
    assert is_gone(int(notes.read_text()))


def test_all_models_of_table_2_have_settings_and_sources() -> None:
    rows = {row.method for row in paper.rows() if row.table == 2}
    found = {name: generator_of(name)[1] for name in known()}
    assert {each.table2 for each in found.values() if each.table2} == rows
    for name, each in found.items():
        assert each.source, name
        assert each.licence, name
        if each.kind != "service":
            assert each.frames, name
            assert each.fps, name
    page = (Path(__file__).parents[2] / "docs" / "generate.md").read_text()
    for name, each in found.items():
        size = f"{each.width}x{each.height}" if each.width and each.height else "not stated"
        cells = [f"`{name}`", each.kind, size, f"{each.frames or 'not stated'}", f"{each.fps or 'not stated'}"]
        assert " | ".join(cells).replace(".0", "") in page.replace(".0", ""), name


def test_what_is_no_model(suite: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="did you mean 'cogvideox-2b'"):
        make("cogvideo-2b", suite, tmp_path / "out")
    with pytest.raises(UsageError, match="no such file"):
        make("none.yaml", suite, tmp_path / "out")
    with pytest.raises(UsageError, match=r"--model, --out must be given. Models that come with hoigen: cogvideox-2b"):
        generate(prompts=suite)
    with pytest.raises(UsageError, match="unknown key 'stepss'; did you mean 'steps'"):
        make("cogvideox-2b", suite, tmp_path / "out", set=["stepss=3"])


def test_a_video_is_read_back_as_it_was_written(tmp_path: Path) -> None:
    frames = np.stack(pan(texture(3, (140, 180), octaves=3), 7, (2, 1), (96, 128)))
    (tmp_path / "a.mp4").write_bytes(video_of(frames, 16))
    (tmp_path / "b.mp4").write_bytes(video_of(frames, 16))
    assert (tmp_path / "a.mp4").read_bytes() == (tmp_path / "b.mp4").read_bytes()
    clip = Clip(id="0", uri=str(tmp_path / "a.mp4"), start=0, end=7 / 16, width=128, height=96, fps=16)
    seen = decode(clip, [EveryFrame()])[EveryFrame()].images
    assert len(seen) == 7
    assert np.abs(np.stack(seen).astype(int) - frames).mean() < 2.5
    with pytest.raises(ValueError, match="even sides"):
        video_of(frames[:, 1:], 16)
