"""Several processes share a run: whatever their number and order, and killed at any moment, together they make the very
dataset that one process makes."""

from __future__ import annotations

import itertools
import json
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import fake_talk
import hoigen
from hoigen.commands.cli import main
from hoigen.core.errors import RanksOpen, UsageError
from hoigen.core.score import Rule
from hoigen.data.files import Folder
from hoigen.data.parquet import part_rows
from hoigen.data.run import Run
from hoigen.data.tables import Table
from hoigen.rules.runfile import steps_of
from hoigen.stages.captioned import caption_rows
from hoigen.work.ranks import BUSY, Barrier, Rank
from run_folders import in_this_process

SIZE = 2
NAMES = "abcdefghij"
TWINS = {"f": "a", "i": "d", "j": "d"}
"""Files with the content of others; their blocks are other ranks'."""
COUNTED = '''
import os, time
from pathlib import Path
from hoigen import Clip, Frames, Sampling, Score, measure

@measure("counted")
class Counted:
    """A number made of the file's name; notes each call."""
    sampling: Sampling = Sampling(frames=0)

    def __call__(self, clip: Clip, frames: Frames) -> Score:
        fd = os.open({log!r}, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        os.write(fd, (clip.id + "\\n").encode())
        os.close(fd)
        time.sleep({sleep})
        return Score((ord(Path(clip.uri).stem[0]) + int(2 * clip.start)) % 5)
'''


@pytest.fixture
def world(tmp_path: Path, tiny_video: Path) -> Path:
    """A list with the same content under two names, the same row twice, a broken and a missing file; and a recipe."""
    (tmp_path / "videos").mkdir()
    rows = []
    for at, name in enumerate(NAMES):
        content = tiny_video.read_bytes() + bytes(NAMES.index(TWINS.get(name, name)))
        (tmp_path / "videos" / f"{name}.mp4").write_bytes(b"no video" if name == "g" else content)
        rows.append(f"videos/{name}.mp4,0,{1 + (at % 3) / 2 if name not in TWINS.keys() | TWINS.values() else 1}")
    rows += ["videos/gone.mp4,,", "videos/b.mp4,0,1.5", "videos/c.mp4,0.5,1.5"]
    (tmp_path / "list.csv").write_text("\n".join(["uri,start,end", *rows]) + "\n")
    own(tmp_path, 0.0)
    return tmp_path


def own(world: Path, sleep: float) -> None:
    log = str(world / "calls.log")
    (world / "counted.py").write_text(COUNTED.format(log=log, sleep=sleep))
    (world / "recipe.yaml").write_text(
        "shots: none\nmeasures: [metadata, ./counted.py]\nkeep: {duration: {min: 1}, counted: {min: 1}}\n"
        f"shard_size: {SIZE}\nworkers: 1\nreport: false\n"
    )
    hoigen.trust(world / "counted.py")


@pytest.fixture
def here() -> Iterator[None]:
    with in_this_process():
        yield


def arguments(world: Path, run: str) -> list[str]:
    words = [str(world / "recipe.yaml"), "--videos", str(world / "list.csv"), "--run", str(world / run), "--quiet"]
    return ["curate", *words]


def working(world: Path, run: str, number: int, of: int) -> list[str]:
    return ["work", str(world / run), "--part", f"{number}/{of}", "--quiet"]


def prepare(world: Path, run: str, *more: str) -> None:
    assert main([*arguments(world, run), "--prepare", *more]) == 0


def process(world: Path, run: str, number: int, of: int) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "hoigen", *working(world, run, number, of)]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)


def calls(world: Path) -> list[str]:
    return sorted((world / "calls.log").read_text().split()) if (world / "calls.log").exists() else []


def dataset(world: Path, run: str, capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    """All that a run says: its table, the rows of its clips, which are kept."""
    folder = Run(world / run)
    capsys.readouterr()
    main(["table", str(folder.path)])
    text = capsys.readouterr().out
    clips = [row for shard in folder.clips.shards() for row in folder.clips.read(shard)]
    steps_of(folder)
    kept = [line.split(",")[0] for line in text.splitlines() if ",kept," in line]
    journals = folder.folder.child("journal").names()
    found = folder.found.shards()
    return {"table": text, "clips": clips, "kept": kept, "journals": journals, "found": found}


def alone(world: Path, capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    """The dataset of one process, with how often each clip was measured for it."""
    assert main(arguments(world, "alone")) == 0
    made = dataset(world, "alone", capsys)
    assert (made["journals"], made["found"]) == ([], [])
    assert made["table"].count("same content as") == 3
    assert made["table"].count("the same row again") == 1
    assert len(made["kept"]) > 2
    made["calls"] = calls(world)
    (world / "calls.log").unlink()
    return made


def rounds(world: Path, run: str, order: Sequence[int]) -> list[list[int]]:
    """Parts one after the other, again and again, until all end with 0; the exit codes of each round."""
    prepare(world, run)
    found: list[list[int]] = []
    while not found or any(found[-1]):
        found.append([main(working(world, run, part, len(order))) for part in order])
        assert len(found) < 6
    return found


@pytest.mark.parametrize("ranks", [1, 2, 3, 5])
def test_every_shard_is_one_ranks(ranks: int) -> None:
    for shard in range(20):
        mine = [number for number in range(ranks) if Rank(number, ranks).mine(shard)]
        assert mine == [shard % ranks]


ORDERS = [
    (0, 1),
    (1, 0),
    (3, 0, 4, 2, 1),
    *(pytest.param(tuple(random.Random(seed).sample(range(5), 5)), marks=pytest.mark.slow) for seed in range(3)),
]


@pytest.mark.parametrize("order", ORDERS)
def test_one_after_the_other_in_any_order(
    world: Path, here: None, order: tuple[int, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    expected = alone(world, capsys)
    codes = rounds(world, "run", order)
    assert codes[0][:-1] == [75] * (len(order) - 1)
    assert len(codes) <= 4
    assert dataset(world, "run", capsys) == {key: value for key, value in expected.items() if key != "calls"}
    assert calls(world) == expected["calls"], "no clip is measured twice"


def test_what_a_rank_says_and_writes(world: Path, here: None, capsys: pytest.CaptureFixture[str]) -> None:
    prepare(world, "run")
    assert capsys.readouterr().out.startswith(f"{world / 'run'} is prepared: 13 videos in 7 blocks")
    assert main(working(world, "run", 1, 3)) == 75
    assert capsys.readouterr() == ("", "waiting for parts 0, 2; start the same command again\n")
    run = Run(world / "run")
    assert run.found.shards() == [1, 4], "its own blocks and no other"
    assert run.clips.shards() == []
    found = hoigen.funnel(run.path)
    listed = part_rows(run.videos_file) or 0
    assert found.clips - found.unseen == 2 * SIZE, "clips that are not sealed yet are counted"
    assert found.clips == listed, "and so are videos that nobody has looked at"
    assert main(working(world, "run", 0, 3)) == 75
    assert capsys.readouterr().err == "waiting for part 2; start the same command again\n"
    assert run.found.shards() == [0, 1, 3, 4, 6]
    with pytest.raises(RanksOpen) as open_ones:
        hoigen.work_part(run.path, part="0/3", quiet=True)
    assert open_ones.value.ranks == (2,)


def test_another_number_of_ranks_goes_on_with_what_is_there(
    world: Path, here: None, capsys: pytest.CaptureFixture[str]
) -> None:
    expected = alone(world, capsys)
    prepare(world, "run")
    for rank in (4, 0, 2):
        assert main(working(world, "run", rank, 5)) == 75
    assert main(working(world, "run", 1, 2)) == 75, "markers of five ranks say nothing of two"
    assert main(working(world, "run", 0, 2)) == 75
    assert main(arguments(world, "run")) == 0
    assert dataset(world, "run", capsys) | {"calls": calls(world)} == expected
    codes = rounds(world, "run", range(3))
    assert set(itertools.chain(*codes)) == {0, 75}
    assert calls(world) == expected["calls"]


def test_a_list_that_grows_under_ranks(world: Path, here: None, capsys: pytest.CaptureFixture[str]) -> None:
    every = (world / "list.csv").read_text()
    (world / "list.csv").write_text("\n".join(every.splitlines()[:6]) + "\n")
    rounds(world, "run", (1, 0))
    rounds(world, "alone", (0,))
    (world / "list.csv").write_text(every)
    (world / "calls.log").unlink()
    assert main(arguments(world, "alone")) == 0
    once = calls(world)
    (world / "calls.log").unlink()
    rounds(world, "run", (1, 0))
    assert dataset(world, "run", capsys) == dataset(world, "alone", capsys)
    assert calls(world) == once


@pytest.mark.parametrize("of", [2, pytest.param(5, marks=pytest.mark.slow)])
def test_at_once(world: Path, capsys: pytest.CaptureFixture[str], of: int) -> None:
    expected = alone(world, capsys)
    prepare(world, "run")
    for _ in range(8):
        ranks = [process(world, "run", rank, of) for rank in range(of)]
        said = [rank.communicate(timeout=120)[1] for rank in ranks]
        codes = [rank.returncode for rank in ranks]
        assert set(codes) <= {0, 75}, said
        assert all(len(words.splitlines()) == (code == 75) for words, code in zip(said, codes, strict=True)), said
        if not any(codes):
            break
    assert codes == [0] * of
    assert dataset(world, "run", capsys) | {"calls": calls(world)} == expected


def kill_some(world: Path, run: str, chance: random.Random, ranks: int, kills: int) -> None:
    """Ranks at once, each killed at a random moment and started again; then undisturbed until all end with 0."""
    prepare(world, run)
    for _ in range(kills):
        started = [process(world, run, rank, ranks) for rank in range(ranks)]
        until = sorted((time.monotonic() + chance.uniform(0.6, 4.0), at) for at in range(ranks))
        for moment, at in until:
            time.sleep(max(0.0, moment - time.monotonic()))
            started[at].send_signal(signal.SIGKILL)
        for each in started:
            each.communicate(timeout=60)
    for _ in range(8):
        started = [process(world, run, rank, ranks) for rank in range(ranks)]
        said = [each.communicate(timeout=120)[1] for each in started]
        assert {each.returncode for each in started} <= {0, 75}, said
        if not any(each.returncode for each in started):
            return
    raise AssertionError(said)


def test_killed(world: Path, capsys: pytest.CaptureFixture[str]) -> None:
    expected = alone(world, capsys)
    kill_some(world, "run", random.Random(3), ranks=2, kills=2)
    found = dataset(world, "run", capsys)
    assert found | {"calls": expected["calls"]} == expected


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("seed", range(1))
def test_killed_again_and_again(world: Path, capsys: pytest.CaptureFixture[str], seed: int) -> None:
    own(world, 0.05)
    expected = alone(world, capsys)
    chance = random.Random(seed)
    for ranks in (5, 2, 3):
        kill_some(world, "run", chance, ranks, kills=3)
    assert dataset(world, "run", capsys) | {"calls": expected["calls"]} == expected


@pytest.mark.parametrize("at", [*(0, 7, 8, 14), *(pytest.param(at, marks=pytest.mark.slow) for at in (3, 9, 12))])
def test_sealing_stopped_at_any_step_is_done_once_more(
    world: Path, here: None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], at: int
) -> None:
    """Stopped before its nth step: what is counted then is right, and the dataset comes out the same."""
    expected = alone(world, capsys)
    count = [0]

    def stopping(owner: type[Any], name: str, counts: Any) -> None:
        real = getattr(owner, name)

        def call(self: Any, *given: Any) -> Any:
            if counts(self):
                count[0] += 1
                if count[0] > at:
                    raise KeyboardInterrupt
            return real(self, *given)

        patch.setattr(owner, name, call)

    with monkeypatch.context() as patch:
        stopping(Table, "write_arrow", lambda table: table.name == "clips")
        stopping(Run, "write_shards", lambda run: True)
        stopping(Folder, "remove", lambda folder: folder.uri.endswith("found"))
        assert main(arguments(world, "run")) == 130
    assert hoigen.funnel(world / "run").clips == len(expected["clips"]), "all are counted, and none twice"
    assert main(arguments(world, "run")) == 0
    assert dataset(world, "run", capsys) | {"calls": expected["calls"]} == expected


def test_two_processes_of_one_rank_or_of_two_divisions(world: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from hoigen.work.ranks import held

    run = Run(world / "run")
    with held(run, Rank(1, 3)):
        with pytest.raises(RanksOpen, match=r"part 1/3: .*run is in use by another hoigen"), held(run, Rank(1, 3)):
            pass
        with (
            pytest.raises(UsageError, match="share it among 3 parts; this one came with part 0/2"),
            held(run, Rank(0, 2)),
        ):
            pass
        with held(run, Rank(2, 3)):
            pass
    with held(run, Rank(0, 2)):
        pass
    with held(run, Rank()), pytest.raises(UsageError, match="run is in use by another hoigen"), held(run, Rank()):
        pass


def test_a_retry_is_shared_too(world: Path, here: None, capsys: pytest.CaptureFixture[str], tiny_video: Path) -> None:
    rounds(world, "run", (0, 1))
    before = dataset(world, "run", capsys)["table"]
    assert before.count(",failed,") == 2
    (world / "videos" / "g.mp4").write_bytes(tiny_video.read_bytes() + bytes(NAMES.index("g")))
    (world / "videos" / "gone.mp4").write_bytes(tiny_video.read_bytes() + bytes(40))
    codes: list[int] = []
    while not codes or any(codes[-2:]):
        codes += [main(["retry", str(world / "run"), "--part", f"{part}/2", "--quiet"]) for part in (1, 0)]
        assert len(codes) < 9
    assert 75 in codes
    assert dataset(world, "run", capsys)["table"].count(",failed,") == 0


@pytest.mark.parametrize("part", ["3", "3/3", "-1/3", "1/0", "a/b", "1/3/5", "", "1 / 3", "0/" + "9" * 30])
def test_a_part_that_is_none(world: Path, here: None, capsys: pytest.CaptureFixture[str], part: str) -> None:
    for verb in ("work", "retry", "caption"):
        assert main([verb, str(world / "run"), f"--part={part}"]) == 2
        assert f"--part {part}: i/n with i from 0 to n - 1" in capsys.readouterr().err
    assert not (world / "run").exists()


def test_a_run_that_is_not_prepared(world: Path, here: None, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(working(world, "run", 0, 2)) == 2
    assert "is no run yet: hoigen curate RECIPE --run" in capsys.readouterr().err
    assert not (world / "run").exists()


def test_what_was_rank_and_ranks(world: Path, here: None, capsys: pytest.CaptureFixture[str]) -> None:
    """Each place where they were says what is written instead, and nothing is done."""
    said = "ranks: no key of a recipe any more: `hoigen work RUN --part 3/16`"
    old = world / "old.yaml"
    old.write_text((world / "recipe.yaml").read_text() + "ranks: 16\n")
    ways = [
        [*arguments(world, "run"), "--set", "ranks=16"],
        ["curate", str(old), *arguments(world, "run")[2:]],
        ["validate", str(old)],
        ["evaluate", "--videos", str(world), "--run", str(world / "run"), "--set", "ranks=16"],
    ]
    for way in ways:
        assert main(way) == 2
        assert said in capsys.readouterr().err, way
    assert not (world / "run").exists()
    assert main(arguments(world, "run")) == 0
    for verb in ("retry", "work"):
        assert main([verb, str(world / "run"), "--set", "ranks=16"]) == 2
        assert said in capsys.readouterr().err, verb
    assert main(["caption", str(world / "run"), "--rank", "3", "--ranks=16"]) == 2
    assert "--part 3/16 is the fourth of 16 parts" in capsys.readouterr().err


def test_how_a_part_is_done_is_its_own(world: Path, here: None, capsys: pytest.CaptureFixture[str]) -> None:
    """What one machine is told does not hold for those that read run.yaml after it."""
    prepare(world, "run")
    before = Run(world / "run").recipe()
    assert main([*working(world, "run", 1, 2), "--set", "workers=2", "--set", "deadline=60"]) == 75
    assert Run(world / "run").recipe() == before
    prepare(world, "run", "--set", "workers=2")
    assert Run(world / "run").recipe() == before | {"workers": 2}


def test_an_executor_that_is_named_again_keeps_its_settings(
    world: Path, here: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Any] = []
    monkeypatch.setattr("hoigen.commands.curate.carry_out", lambda recipe, **_: asked.append(recipe.executor))
    prepare(world, "run", "--set", "executor.ray.address=there:6379")
    for more in ([], ["--executor", "ray"], ["--executor", "local"], ["--set", "executor.ray.cpus=2"]):
        assert main([*working(world, "run", 0, 2), *more]) == 0
    kept = {"address": "there:6379"}
    assert asked == [{"ray": kept}, {"ray": kept}, "local", {"ray": kept | {"cpus": 2}}]


def test_what_is_done_once_is_done_by_one(world: Path, here: None, capsys: pytest.CaptureFixture[str]) -> None:
    prepare(world, "run")
    barrier = Barrier(Folder(str(world / "run")), Rank(0, 2), "scores", "0" * 12)
    with barrier.last_step():
        assert main(working(world, "run", 0, 2)) == 75, "clips of the other are missing: that is told first"
        assert main(working(world, "run", 1, 2)) == 75
        assert capsys.readouterr().err.splitlines() == [
            "waiting for part 1; start the same command again",
            BUSY,
        ]
    assert rounds(world, "run", (1, 0))[-1] == [0, 0]


def test_a_retry_that_is_killed_loses_nothing(
    world: Path, here: None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tiny_video: Path
) -> None:
    expected = alone(world, capsys)
    source = (world / "counted.py").read_text()
    fault = "        if os.path.exists(__file__ + '.broken') and ord(Path(clip.uri).stem[0]) % 2:\n"
    fault += "            raise ValueError('no')\n"
    half = source.replace("        return", f"{fault}        return")
    (world / "counted.py").write_text(half)
    hoigen.trust(world / "counted.py")
    (world / "counted.py.broken").touch()
    assert main(arguments(world, "run")) == 0
    before = dataset(world, "run", capsys)
    assert before["table"].count(",failed,counted,") > 2
    (world / "videos" / "g.mp4").write_bytes(tiny_video.read_bytes() + bytes(NAMES.index("g")))
    retry = ["retry", str(world / "run"), "--quiet"]

    def stopped(*given: Any, **named: Any) -> None:
        raise KeyboardInterrupt

    for name in (
        "hoigen.stages.clips.ClipStage.write",
        "hoigen.stages.clips.seal",
        "hoigen.stages.scores.ScoreStage.write",
    ):
        with monkeypatch.context() as patch:
            patch.setattr(name, stopped)
            assert main(retry) == 130
        found = dataset(world, "run", capsys)
        if "Score" not in name:
            assert found["table"] == before["table"], "what failed is in force until there is something in its place"
        assert found["table"].count("\n") == before["table"].count("\n")
    (world / "counted.py.broken").unlink()
    assert main(retry) == 0
    after = dataset(world, "run", capsys)
    assert (after["journals"], after["found"]) == ([], [])
    assert "no video" not in after["table"]
    assert after["table"].count(",failed,") == 1, "the file that is missing"
    assert [row["id"] for row in after["clips"]] == [row["id"] for row in expected["clips"]]


def test_a_run_of_before_goes_on(world: Path, here: None, capsys: pytest.CaptureFixture[str]) -> None:
    """Clips by blocks of videos, no list of shards, one block missing, one under way: nothing is measured twice."""
    expected = alone(world, capsys)
    new = Run(world / "alone")
    old = Run(world / "old")
    old.path.mkdir()
    for name in ("run.yaml", "videos.parquet"):
        (old.path / name).write_bytes((new.path / name).read_bytes())
    text = (old.path / "run.yaml").read_text()
    (old.path / "run.yaml").write_text(text.replace(str(new.path), str(old.path)))
    facts = new.clips.facts_of(new.clips.shards()[0])
    blocks: dict[int, list[Any]] = {}
    for row in expected["clips"]:
        blocks.setdefault(row["video"] // SIZE, []).append(row)
    done: set[str] = set()
    _, steps = steps_of(new)
    for block, rows in blocks.items():
        if block == 2:
            continue
        if block == 4:
            journal = old.journal("clips", block)
            fresh = [
                row | ({"state": "ok", "rule": None, "reason": None} if row["rule"] == "duplicate" else {})
                for row in rows
            ]
            journal.append({"video": rows[0]["video"], "fingerprint": facts["fingerprint"], "rows": fresh[:1]})
            journal.close()
            continue
        old.clips.write(block, rows, facts)
        for step in steps:
            scores = [
                row
                for shard in new.shards()
                for row in new.scores(step.name, step.fingerprint, step.emits).read(shard.shard)
            ]
            mine = [row for row in scores if row["id"] in {each["id"] for each in rows if each["state"] == "ok"}]
            done |= {row["id"] for row in mine if step.name == "counted"}
            old.scores(step.name, step.fingerprint, step.emits).write(block, mine)
    assert len(done) > 3
    assert rounds(world, "old", (1, 0))[-1] == [0, 0]
    found = dataset(world, "old", capsys)
    assert found["table"] == expected["table"]
    assert sorted(found["clips"], key=lambda row: (row["video"], row["n"])) == expected["clips"]
    assert not done & set(calls(world)), "what was measured is not measured again"
    assert sorted([*done, *calls(world)]) == expected["calls"]


def test_a_thousand_ranks_are_one_short_line() -> None:
    said = {(0, 2, 3, 4, 9): "parts 0, 2-4, 9", (7,): "part 7", tuple(range(1, 1000)): "parts 1-999"}
    assert {ranks: str(RanksOpen(ranks)) for ranks in said} == {
        ranks: f"waiting for {parts}; start the same command again" for ranks, parts in said.items()
    }
    assert str(RanksOpen(range(0, 1000, 2))).endswith("36, 38, …; start the same command again")


def test_captions_of_ranks(world: Path, here: None, capsys: pytest.CaptureFixture[str]) -> None:
    fake_talk.write(world)
    assert main(arguments(world, "alone")) == 0
    rounds(world, "run", (1, 0, 2))
    spec = fake_talk.spec(world)
    words = ["--set", f"captioner={json.dumps(spec['captioner'])}", "--quiet", "--no-report"]
    assert main(["caption", str(world / "alone"), *words]) == 0
    capsys.readouterr()
    codes = []
    while not codes or any(codes[-3:]):
        for rank in (2, 0, 1):
            codes.append(main(["caption", str(world / "run"), *words, "--part", f"{rank}/3"]))
            if codes[-1]:
                assert capsys.readouterr().err.startswith("waiting for part")
        assert len(codes) < 9
    assert 75 in codes
    both = [{row["id"]: row["text"] for row in caption_rows(Run(world / run))} for run in ("alone", "run")]
    assert both[0] == both[1]
    assert len(both[0]) > 2


def test_a_part_that_is_deleted_is_made_anew_in_its_place(
    world: Path, here: None, capsys: pytest.CaptureFixture[str]
) -> None:
    """What is damaged may be deleted: clips are found again, and their scores are still theirs."""
    expected = alone(world, capsys)
    assert main(arguments(world, "run")) == 0
    before = calls(world)
    run = Run(world / "run")
    shards = run.shards()
    [merged] = run.clips.folder.names()
    run.clips.folder.remove(merged)
    rounds(world, "run", (1, 0))
    assert run.shards() == shards
    assert dataset(world, "run", capsys) | {"calls": before} == expected
    assert calls(world) == before


def test_shards_that_are_lost_are_read_off_the_clips(
    world: Path, here: None, capsys: pytest.CaptureFixture[str]
) -> None:
    """No clip becomes two: shards need not have as many videos each as the recipe's `shard_size`."""
    (world / "list.csv").write_text("uri\n" + "".join(f"videos/{name}.mp4\n" for name in "abcdeh"))
    split = [*("--set", "shots=adaptive"), *("--set", "max_length=1"), *("--set", "min_length=0.1")]
    assert main([*arguments(world, "run"), *split]) == 0
    first = dataset(world, "run", capsys)
    run = Run(world / "run")
    before = [(each.shard, each.begin, each.end, each.clips) for each in run.shards()]
    assert len(before) > 3  # one video each
    for name in ("shards.parquet", "ranks/sealed.json"):
        (world / "run" / name).unlink()
    assert main([*arguments(world, "run"), *split]) == 0
    assert [(each.shard, each.begin, each.end, each.clips) for each in run.shards()] == before
    assert dataset(world, "run", capsys) == first


def test_clips_that_are_gone_are_told_and_not_left_out(
    world: Path, here: None, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments(world, "run")) == 0
    run = Run(world / "run")
    [merged] = run.clips.folder.names()
    run.clips.folder.remove(merged)
    capsys.readouterr()
    for verb in ("table", "funnel"):
        assert main([verb, str(run.path)]) == 2
        said = capsys.readouterr()
        assert f"are gone; hoigen curate {run.recipe_file} finds them again" in said.err
        assert not said.out


def test_a_run_without_its_run_file_or_with_a_torn_seal_goes_on(
    world: Path, here: None, capsys: pytest.CaptureFixture[str]
) -> None:
    expected = alone(world, capsys)
    assert main(arguments(world, "run")) == 0
    before = calls(world)
    (world / "run" / "run.yaml").unlink()
    (world / "run" / "ranks" / "sealed.json").write_text('{"of": "1')
    assert main(arguments(world, "run")) == 0
    assert dataset(world, "run", capsys) | {"calls": calls(world)} == expected
    assert calls(world) == before


@pytest.mark.parametrize(("name", "other"), [("run[12]", "run1"), ("r*n", "run"), ("r?n", "run")])
def test_a_folder_whose_name_is_a_pattern_is_read_as_itself(
    world: Path, here: None, capsys: pytest.CaptureFixture[str], name: str, other: str
) -> None:
    assert main(arguments(world, name)) == 0
    first = dataset(world, name, capsys)
    assert first["table"].count("\n") > 5
    other_list = (world / "list.csv").read_text().replace(",0,", ",0.1,")
    (world / "list.csv").write_text(other_list)
    assert main(arguments(world, other)) == 0
    assert [Run(world / run).clips.folder.names() for run in (name, other)] == [["00000-00006.parquet"]] * 2
    assert dataset(world, name, capsys) == first


def test_a_lost_list_that_comes_back_in_another_order(
    world: Path, here: None, capsys: pytest.CaptureFixture[str]
) -> None:
    """A file that now comes first is found, and the last one is not there twice."""
    head, *rows = (world / "list.csv").read_text().splitlines()
    rows = rows[:-3]
    (world / "list.csv").write_text("\n".join([head, *rows[1:]]) + "\n")
    assert main(arguments(world, "run")) == 0
    (world / "list.csv").write_text("\n".join([head, *rows]) + "\n")
    (world / "run" / "videos.parquet").unlink()
    assert main(arguments(world, "run")) == 0
    assert main(arguments(world, "alone")) == 0
    known, whole = (dataset(world, run, capsys) for run in ("run", "alone"))
    assert [(row["video"], row["uri"], row["state"]) for row in known["clips"]] == [
        (row["video"], row["uri"], row["state"]) for row in whole["clips"]
    ]


def test_copies_of_a_video_that_was_moved_are_one(world: Path, here: None, capsys: pytest.CaptureFixture[str]) -> None:
    (world / "list.csv").write_text("uri\nvideos/d.mp4\n")
    assert main(arguments(world, "run")) == 0
    (world / "videos" / "d.mp4").rename(world / "videos" / "i.mp4")
    (world / "list.csv").write_text("uri\nvideos/d.mp4\nvideos/i.mp4\nvideos/j.mp4\n")
    assert main(arguments(world, "run")) == 0
    clips = dataset(world, "run", capsys)["clips"]
    assert [(Path(row["uri"]).stem, row["state"]) for row in clips] == [("d", "ok"), ("i", "ok"), ("j", "dropped")]


def test_copies_that_are_to_be_kept_now_are_measured_and_dropped_again(
    world: Path, here: None, capsys: pytest.CaptureFixture[str]
) -> None:
    keep = ["--set", "duplicates=keep"]
    assert main([*arguments(world, "fresh"), *keep]) == 0
    fresh = dataset(world, "fresh", capsys)
    assert main(arguments(world, "run")) == 0
    dropped = dataset(world, "run", capsys)
    assert main([*arguments(world, "run"), *keep]) == 0
    found = dataset(world, "run", capsys)
    assert (found["table"], found["clips"]) == (fresh["table"], fresh["clips"])
    assert found["table"].count("the same row again") == 1, "whatever is kept, a row given twice is one clip"
    assert main(arguments(world, "run")) == 0
    again = dataset(world, "run", capsys)
    assert (again["clips"], again["kept"]) == (dropped["clips"], dropped["kept"])


def test_other_shots_are_sealed_into_the_shards_that_there_are(
    world: Path, here: None, capsys: pytest.CaptureFixture[str]
) -> None:
    """Every clip is found anew; until all are, those of before count."""
    (world / "list.csv").write_text("uri\n" + "".join(f"videos/{name}.mp4\n" for name in "abcdeh"))
    assert main(arguments(world, "run")) == 0
    first = dataset(world, "run", capsys)
    assert len(first["clips"]) == 6
    split = [*("--set", "shots=adaptive"), *("--set", "max_length=1"), *("--set", "min_length=0.1")]
    prepare(world, "run", *split)
    assert main(working(world, "run", 1, 2)) == 75
    assert dataset(world, "run", capsys)["table"] == first["table"]
    assert main(working(world, "run", 0, 2)) == 75
    assert main(working(world, "run", 1, 2)) == 0
    assert main([*arguments(world, "alone"), *split]) == 0
    found, whole = dataset(world, "run", capsys), dataset(world, "alone", capsys)
    assert (found["table"], found["clips"]) == (whole["table"], whole["clips"])
    assert len(found["clips"]) == 18
    assert [shard.clips for shard in Run(world / "run").shards()] == [6, 6, 6]


def test_ranks_that_start_in_a_new_folder_at_once(tmp_path: Path) -> None:
    """All look at the file that says how many share it, and none takes another for one of another number."""
    code = """
import sys, time
from pathlib import Path
from hoigen.work.ranks import Rank, one_division
for at in range(40):
    folder = Path(sys.argv[1]) / str(at)
    folder.mkdir(exist_ok=True)
    with one_division(folder, Rank(int(sys.argv[2]), 4)):
        time.sleep(0.001)
"""
    every = [subprocess.Popen([sys.executable, "-c", code, str(tmp_path), str(rank)]) for rank in range(4)]
    assert [each.wait(60) for each in every] == [0] * 4


def test_ranks_agree_before_models_have_come() -> None:
    """A rank without clips fetches none: what it goes by is what the ranks that do go by."""
    from hoigen.models.uses import ModelUse
    from hoigen.stages.scores import _same_for_all
    from run_folders import step

    class Fetching:
        models = (ModelUse("some/model", "hub"),)

    one, other = (replace(step("m", fingerprint=of), measure=Fetching()) for of in ("f0", "f1"))
    assert _same_for_all(one) == _same_for_all(other)
    assert _same_for_all(replace(one, measure=None)) != _same_for_all(replace(other, measure=None))
    assert _same_for_all(one) != _same_for_all(step("m", m=Rule(min=1)))


@pytest.mark.parametrize(
    ("clips", "size", "ranges"),
    [
        (4096, 1 << 40, [(0, 6)]),
        (6, 1 << 40, [(0, 2), (2, 4), (4, 6)]),
        (7, 1 << 40, [(0, 2), (2, 4), (4, 6)]),
        (2, 1 << 40, [(at, at + 1) for at in range(6)]),
        (4096, 3.5, [(0, 3), (3, 6)]),
        (4096, 0.5, [(at, at + 1) for at in range(6)]),
    ],
)
def test_shards_hold_so_many_clips_and_bytes_and_whole_videos(
    world: Path, here: None, monkeypatch: pytest.MonkeyPatch, clips: int, size: float, ranges: list[tuple[int, int]]
) -> None:
    """Six videos of three clips each. size: in videos."""
    (world / "list.csv").write_text("uri\n" + "".join(f"videos/{name}.mp4\n" for name in "abcdeh"))
    monkeypatch.setattr("hoigen.stages.clips.SHARDS_OF_A_RUN", 1)
    monkeypatch.setattr("hoigen.stages.clips.SHARD_CLIPS", clips)
    monkeypatch.setattr("hoigen.stages.clips.SHARD_BYTES", size * (world / "videos" / "h.mp4").stat().st_size)
    split = [*("--set", "shots=adaptive"), *("--set", "max_length=1"), *("--set", "min_length=0.1")]
    assert main([*arguments(world, "run"), *split]) == 0
    shards = Run(world / "run").shards()
    assert [(shard.begin, shard.end) for shard in shards] == ranges
    assert [shard.clips for shard in shards] == [3 * (shard.end - shard.begin) for shard in shards]
    whole = sum((world / "videos" / f"{name}.mp4").stat().st_size for name in "abcdeh")
    assert abs(sum(shard.bytes for shard in shards) - whole) <= 6
