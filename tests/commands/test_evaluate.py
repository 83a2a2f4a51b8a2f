"""hoigen evaluate on real small videos: matching, faults, resuming, what is told."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from hoigen.commands.evaluate import evaluate
from hoigen.commands.observations import observations
from hoigen.commands.prompts import prompts
from hoigen.commands.show import show
from hoigen.commands.work_part import work_part
from hoigen.core.errors import RanksOpen, UsageError
from hoigen.core.trusted import grant
from hoigen.data.run import Run
from hoigen.evaluation.models.read import source_of
from hoigen.evaluation.models.scorecard import UNKNOWN, card_of
from hoigen.rules import removals
from hoigen.rules.runfile import steps_of

BOOM = '''
from pathlib import Path
from hoigen import Clip, Frames, Sampling, Score, measure

@measure("boom")
class Boom:
    """Breaks as the prompt says."""
    sampling: Sampling = Sampling(frames=1, short_side=16)

    def __call__(self, clip: Clip, frames: Frames) -> Score:
        with open({log!r}, "a") as log:
            log.write(clip.meta["prompt_id"] + "\\n")
        if clip.meta["prompt_id"] == "hold_cup":
            raise ValueError("said no")
        if clip.meta["prompt_id"] == "eat_apple":
            return Score(None, {{"reason": "no apple"}})
        assert clip.prompt == "A person is riding a bicycle."
        assert (clip.meta["verb"], clip.meta["object"], clip.meta["category"]) == ("ride", "bicycle", "transport")
        return Score(0.5)
'''
RECIPE = "measures: [metadata, ./boom.py]\n"


@pytest.fixture
def made(tmp_path: Path, tiny_video: Path) -> Path:
    names = (
        "a/ride_bicycle-0",
        "a/ride_bicycle-1",
        "a/eat_apple-0",
        "b/A person is riding a bicycle.-0",
        "b/hold_cup-0",
    )
    for name in (*names, "b/stray"):
        path = tmp_path / "videos" / f"{name}.mp4"
        path.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(tiny_video, path)
    (tmp_path / "videos" / "b" / "fly_kite-0.mp4").write_bytes(b"broken")
    prompts(tmp_path / "suite.json")
    (tmp_path / "boom.py").write_text(BOOM.format(log=str(tmp_path / "log")))
    grant(tmp_path / "boom.py")
    (tmp_path / "recipe.yaml").write_text(RECIPE)
    return tmp_path


def run(made: Path, **changes: Any) -> Any:
    given: dict[str, Any] = {
        "videos": [made / "videos"],
        "prompts": made / "suite.json",
        "run": made / "run",
        "recipe": made / "recipe.yaml",
        "set": ["workers=1"],
        "quiet": True,
        "report": False,
    }
    return evaluate(**given | changes)


def test_every_video_is_measured_or_named_and_again_nothing_is_done(made: Path) -> None:
    result = run(made)
    assert {name: (m.videos, m.prompts, len(m.missing)) for name, m in result.models.items()} == {
        "a": (3, 2, 304), "b": (3, 3, 303),
    }  # fmt: skip
    assert [Path(path).name for path in result.strays] == ["stray.mp4"]
    assert {Path(path).stem for path, _ in result.failed} == {"hold_cup-0", "fly_kite-0"}
    by_name = {(video.model, Path(video.uri).stem): video for video in source_of(made / "run").videos}
    assert by_name["a", "ride_bicycle-1"].values["boom"] == 0.5
    assert by_name["a", "ride_bicycle-1"].sample == "1"
    assert by_name["a", "eat_apple-0"].reasons["boom"] == "no apple"
    assert "said no" in by_name["b", "hold_cup-0"].reasons["boom"]
    assert "  boom: no value; boom: no apple" in str(show(made / "run", "eat_apple"))
    assert by_name["b", "hold_cup-0"].values["fps"] == 25
    assert "cannot be read" in by_name["b", "fly_kite-0"].failure
    facts = json.loads((made / "run" / "evaluation.json").read_text())
    assert facts["without_prompt"] == [str(made / "videos" / "b" / "stray.mp4")]
    assert "hold_cup" in facts["models"]["a"]["missing"]
    text = str(result)
    for words in ("a: 3 videos for 2 of 306", "stray.mp4", "4 of 6 videos measured", "said no", "no apple"):
        assert words in text
    assert "nan" not in text.lower()
    before = (made / "log").read_text()
    assert str(run(made)) == text
    assert (made / "log").read_text() == before


def test_seeds_in_records_of_generate_come_into_the_score_card(made: Path) -> None:
    def record(name: str, **facts: Any) -> None:
        (made / "videos" / "a" / f"{name}.json").write_text(json.dumps(facts))

    record("ride_bicycle-0", seed=77, video={"file": "ride_bicycle-0.mp4"})
    record("ride_bicycle-1", seed=78, video={"file": "another.mp4"})
    record("eat_apple-0", seed="x", video={"file": "eat_apple-0.mp4"})
    (made / "recipe.yaml").write_text("measures: [metadata]\n")
    run(made)
    assert card_of(source_of(made / "run"))["seeds"] == "77"
    for name, content in (("ride_bicycle-1", "[" * 100_000), ("ride_bicycle-0", "no JSON")):
        (made / "videos" / "a" / f"{name}.json").write_text(content)
    run(made)
    assert card_of(source_of(made / "run"))["seeds"] == UNKNOWN


def test_a_video_that_comes_later_is_measured_alone(made: Path, tiny_video: Path) -> None:
    run(made)
    before = (made / "log").read_text()
    shutil.copy(tiny_video, made / "videos" / "a" / "ride_bicycle-2.mp4")
    assert run(made).models["a"].videos == 4
    assert (made / "log").read_text() == before + "ride_bicycle\n"


def test_another_suite_in_the_same_run_is_refused(made: Path) -> None:
    run(made)
    suite = json.loads((made / "suite.json").read_text())
    for prompt in suite["prompts"]:
        prompt["prompt_short"] = prompt["prompt_short"].replace("person", "cyclist")
    (made / "suite.json").write_text(json.dumps(suite))
    with pytest.raises(UsageError, match="was measured with the prompt"):
        run(made)
    with pytest.raises(UsageError, match="was measured with the model 'a'"):
        prompts(made / "suite.json")
        run(made, model="other")


def test_the_recipe_that_comes_with_hoigen_measures_real_videos(made: Path, tiny_video: Path) -> None:
    shutil.rmtree(made / "videos")
    (made / "videos").mkdir()
    shutil.copy(tiny_video, made / "videos" / "ride_bicycle-0.mp4")
    small = "measures.fine_hoi.sampling={fps: 3, short_side: 240}"  # the rest is as it comes
    result = run(made, recipe=Path("evaluate"), model="real", report=True, set=["workers=1", small])
    [video] = source_of(made / "run").videos
    assert video.model == "real"
    assert not result.failed
    assert all(value is not None or video.reasons[name] for name, value in video.values.items())
    assert 0.9 < (video.values["temporal_flickering"] or 0) < 1, "a square moves over a still ground"
    assert "no verbs" in video.reasons["coarse_hoi"]
    assert (made / "run" / "report.html").is_file()


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"videos": None}, "--videos must be given"),
        ({"videos": None, "run": None}, "--videos, --run must be given"),
        ({"model": " "}, "--model: a name"),
        ({"set": ["shots=adaptive"]}, "shots is 'none'"),
        ({"set": ["duplicates=drop"]}, "duplicates is 'keep'"),
        ({"set": ["keep.fps.min=20"]}, "keep is {}"),
        ({"set": ["score_all=false"]}, "score_all is True"),
        ({"set": ["videos=x"]}, "give --videos"),
        ({"set": ["measures=[]"]}, "at least one measure"),
        ({"set": ["measure=x"]}, "did you mean 'measures'"),
        ({"recipe": Path("nowhere")}, "no such recipe"),
    ],
)
def test_bad_input_is_named_and_nothing_is_made(made: Path, changes: dict[str, Any], words: str) -> None:
    with pytest.raises(UsageError) as error:
        run(made, **changes)
    assert words in str(error.value)
    assert not (made / "run").exists()


def test_a_suite_of_another_shape_and_no_match_leave_nothing(made: Path) -> None:
    (made / "odd.json").write_text('{"videos": 3}')
    (made / "other.txt").write_text("A cat sleeps.\n")
    for name, words in (("odd.json", "no suite of prompts"), ("other.txt", "none of the 7 videos")):
        with pytest.raises(UsageError, match=words):
            run(made, prompts=made / name)
    assert not (made / "run").exists()


def test_the_command_line(made: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    from hoigen.commands.cli import main

    given = ["evaluate", "--videos", str(made / "videos" / "a"), "--videos", str(made / "videos" / "b")]
    given += ["--prompts", str(made / "suite.json"), "--run", str(made / "run"), "--recipe", str(made / "recipe.yaml")]
    assert main([*given, "--set", "workers=1", "--quiet", "--no-report"]) == 0
    out = capsys.readouterr().out
    assert "a: 3 videos for 2 of 306 prompts" in out
    assert "b: 3 videos for 3 of 306 prompts" in out
    assert main(["evaluate", "--videos", str(made)]) == 2
    assert "--run must be given" in capsys.readouterr().err


def test_what_a_prompt_asks_for_may_not_be_nonsense(made: Path) -> None:
    run(made)
    suite = json.loads((made / "suite.json").read_text())
    for prompt in suite["prompts"]:
        prompt["contact"] = ["elbow"]
    (made / "suite.json").write_text(json.dumps(suite))
    with pytest.raises(UsageError, match=r"prompts\[0\]: contact: of hand, mouth, .*; it came as 'elbow'"):
        run(made)
    for prompt in suite["prompts"]:
        prompt["contact"] = ["hand"]
        prompt["prompt_short"] += " Again."
    (made / "suite.json").write_text(json.dumps(suite))
    with pytest.raises(UsageError, match=r"measured with the prompt '.*', and now comes with '.* Again\.'\. Choose"):
        run(made)


ASKS = '''
from collections.abc import Mapping
from typing import Any
from hoigen import Sampling, Score, measure
from hoigen.observe.frame import ObservedFrame
from hoigen.observe.observation import About, Looking
from hoigen.core.registry import observer


class Watching:
    def __init__(self, clip):
        self.clip, self.frames = clip, []

    def see(self, image, time):
        self.frames.append(ObservedFrame(time=time, size=(image.shape[1], image.shape[0]), pairs=[]))

    def finish(self):
        with open({log!r}, "a") as log:
            log.write(f"{{self.clip.meta['prompt_id']}} {{self.clip.meta['object']}}\\n")
        return self.frames


@observer("fake_seer")
class FakeSeer:
    """Is asked for an object."""

    asks: bool = True
    gives = frozenset({{"pairs"}})
    sees = True
    identity: Any = ()

    @property
    def about(self) -> About:
        return About(observer="fake_seer")

    def load(self) -> None:
        pass

    def question(self, clip) -> str:
        return clip.meta["object"] if self.asks else ""

    def begin(self, clip, sampling):
        return Watching(clip)


@measure("seen")
class Seen:
    """Says what was asked."""

    asks: bool = True

    @property
    def identity(self) -> Mapping[str, Any]:
        return {{}}

    @property
    def looking(self) -> Looking:
        return Looking(FakeSeer(asks=self.asks), Sampling(frames=2, short_side=16))

    def read(self, clip, seen) -> Score:
        return Score(float(len(seen.frames)), {{"verb": clip.meta["verb"], "object": clip.meta["object"]}})
'''


@pytest.mark.parametrize("asks", [True, False])
def test_a_prompt_that_asks_for_something_else_is_read_off_what_was_seen(made: Path, asks: bool) -> None:
    (made / "seen.py").write_text(ASKS.format(log=str(made / "looks")))
    grant(made / "seen.py")
    (made / "recipe.yaml").write_text(f"measures: [./boom.py, {{./seen.py: {{asks: {str(asks).lower()}}}}}]\n")
    (made / "boom.py").write_text((made / "boom.py").read_text().replace("        assert", "        pass  #"))
    grant(made / "boom.py")
    run(made)
    assert len((made / "looks").read_text().splitlines()) == 5
    suite = json.loads((made / "suite.json").read_text())
    for prompt in suite["prompts"]:
        if prompt["id"] == "ride_bicycle":
            prompt["verb"] = "sit_on"
        if prompt["id"] == "eat_apple":
            prompt["object"] = "banana"
    (made / "suite.json").write_text(json.dumps(suite))
    (made / "looks").unlink()
    told = str(run(made, dry_run=True))
    assert "observer fake_seer, for seen: 0 clips to look at" in told
    assert ("1 more for other words of their prompts" in told) == asks
    assert not (made / "looks").exists()
    run(made)
    looked = (made / "looks").read_text().splitlines() if (made / "looks").exists() else []
    assert looked == (["eat_apple banana"] if asks else [])
    folder = Run(made / "run")
    [step] = [step for step in steps_of(folder)[1] if step.name == "seen"]
    table = folder.scores("seen", step.fingerprint, step.emits)
    details = [json.loads(row["detail"]) for shard in table.shards() for row in table.read(shard) if row["detail"]]
    pairs = {(detail["verb"], detail["object"]) for detail in details}
    assert {("sit_on", "bicycle"), ("eat", "banana")} <= pairs
    assert not {("ride", "bicycle"), ("eat", "apple")} & pairs
    out = made / "seen.jsonl"
    exported = observations(made / "run", out)
    assert (exported.clips, exported.frames, sum(exported.without.values())) == (5, 10, 1)
    head, *lines = map(json.loads, out.read_text().splitlines())
    assert (head["hoigen_detections"], head["detector"], len(lines)) == (1, "fake_seer", 10)
    assert {line["video"] for line in lines} == {
        video.uri for video in source_of(made / "run").videos if "fly_kite" not in video.uri
    }
    gone = lines[0]["video"]
    (made / "run" / removals.FILE).write_text(json.dumps([{"kind": "video", "key": removals.digest(gone)}]))
    assert observations(made / "run", made / "less.jsonl").without[removals.WHY] == 1
    assert gone not in (made / "less.jsonl").read_text()


def test_how_often_a_prompt_was_seen_may_be_counted_later(made: Path) -> None:
    run(made)
    suite = json.loads((made / "suite.json").read_text())
    for prompt in suite["prompts"]:
        prompt["seen"] = 3
    (made / "suite.json").write_text(json.dumps(suite))
    log = (made / "log").read_text()
    run(made)
    assert (made / "log").read_text() == log, "nothing is measured again"
    assert {video.seen for video in source_of(made / "run").videos} == {3}


def test_a_run_that_was_stopped_early_counts_the_videos_that_it_has_not_read(made: Path) -> None:
    run(made)
    before = source_of(made / "run").videos
    for part in (made / "run" / "clips").glob("*.parquet"):
        part.unlink()
    after = source_of(made / "run").videos
    assert {(video.model, video.prompt, video.sample) for video in after} == {
        (video.model, video.prompt, video.sample) for video in before
    }
    assert all(video.values["boom"] is None for video in after)
    assert {reason for video in after for reason in video.reasons.values()} == {
        "not measured yet: run hoigen evaluate again"
    }


def test_ranks_make_the_same_evaluation_and_one_page(made: Path) -> None:
    alone = run(made)
    calls = sorted((made / "log").read_text().split())
    (made / "log").unlink()

    def done(number: int) -> bool:
        try:
            work_part(made / "shared", part=f"{number}/2", quiet=True)
        except RanksOpen:
            return False
        return True

    shared = {"run": made / "shared", "set": ["workers=1", "shard_size=2"], "report": True}
    assert str(run(made, **shared, prepare=True)).startswith(f"{made / 'shared'} is prepared")
    page = made / "shared" / "report.html"
    assert [done(1), done(0), page.exists()] == [False, False, False], "found, then sealed and half scored"
    assert done(1)
    written = page.stat().st_mtime_ns
    assert done(0)
    assert page.stat().st_mtime_ns == written, "the page is written once"
    whole = run(made, **shared)
    assert whole.table == alone.table
    assert sorted(whole.failed) == sorted(alone.failed)
    assert sorted((made / "log").read_text().split()) == calls


def test_words_that_no_observer_has_are_told_before_anything_is_measured(made: Path) -> None:
    """All at once; those of HICO-DET or of the extended pack are words, though not of every observer."""
    given = [
        {"id": "ride_bike", "prompt_short": "A person rides a bike.", "verb": "ride", "object": "bycicle"},
        {"id": "hold", "prompt_short": "A person holds a cupp.", "verb": "hold", "object": "cupp"},
        {"id": "eat_apple", "prompt_short": "A person eats an apple.", "verb": "eat", "object": "Apple"},
        {"id": "play_violin", "prompt_short": "A person plays the violin.", "verb": "play", "object": "violin"},
    ]
    (made / "words.json").write_text(json.dumps({"prompts": given}))
    (made / "seen.jsonl").write_text(
        json.dumps({"hoigen_detections": 1, "detector": "d", "objects": "hico", "verbs": ["hold", "eat"]}) + "\n"
    )
    recipe = made / "words.yaml"
    recipe.write_text("measures:\n- coarse_hoi: {observer: {recorded: {file: seen.jsonl}}}\n- hoi_lite\n")
    with pytest.raises(UsageError) as error:
        run(made, prompts=made / "words.json", recipe=recipe)
    said = str(error.value)
    assert "object 'bycicle' of ride_bike; did you mean 'bicycle'?" in said
    assert "'cupp' of hold; did you mean 'cup'?" in said
    assert "violin" not in said
    assert not (made / "run").exists()
    given[1]["verb"] = "yodel"
    (made / "words.json").write_text(json.dumps({"prompts": given[1:2]}))
    recipe.write_text("measures:\n- coarse_hoi: {observer: {recorded: {file: seen.jsonl}}}\n")
    with pytest.raises(UsageError, match="verb 'yodel' of hold"):
        run(made, prompts=made / "words.json", recipe=recipe)


def test_a_line_that_would_be_of_two_models_videos_is_refused(made: Path) -> None:
    """By the file's name alone it says nothing of whose video was looked at; with the model's folder it does."""
    video, *_ = sorted((made / "videos").glob("*/ride_bicycle-*.mp4"))
    for model in ("a", "b"):
        (made / "two" / model).mkdir(parents=True)
        (made / "two" / model / "ride_bicycle-0.mp4").write_bytes(video.read_bytes())
    head = {"hoigen_detections": 1, "detector": "d", "verbs": None}

    def seen(scores: dict[str, float]) -> None:
        rows = [
            {"video": name, "time": at / 50, "pairs": [{"class": "bicycle", "score": score}]}
            for name, score in scores.items()
            for at in range(100)
        ]
        (made / "seen.jsonl").write_text("".join(json.dumps(row) + "\n" for row in (head, *rows)))

    recipe = made / "recorded.yaml"
    recipe.write_text("measures:\n- coarse_hoi: {observer: {recorded: {file: seen.jsonl}}, theta: 0.2}\n")
    how: dict[str, Any] = {"videos": [made / "two"], "recipe": recipe}
    for name in ("ride_bicycle-0.mp4", "/elsewhere/ride_bicycle-0.mp4"):
        seen({name: 0.9})
        with pytest.raises(UsageError) as error:
            run(made, **how)
        for said in ("seen.jsonl", "line 2", "two/a/ride_bicycle-0.mp4", "two/b/ride_bicycle-0.mp4"):
            assert said in str(error.value)
    seen({"a/ride_bicycle-0.mp4": 0.9, "b/ride_bicycle-0.mp4": 0.1})
    run(made, **how)
    found = {each.model: each.values["coarse_pair"] for each in source_of(made / "run").videos}
    assert found == {"a": 1.0, "b": 0.0}


def test_a_list_of_videos_says_their_prompts(made: Path) -> None:
    """By words or by id, whatever the files are called; without a suite, the words of the list are it."""
    [video, *_] = sorted((made / "videos").glob("a/ride_bicycle-*.mp4"))
    for name in ("ComfyUI_00001_.mp4", "output.mp4", "x.mp4"):
        (made / name).write_bytes(video.read_bytes())
    words = ["A person is riding a bicycle.", "A person is eating an apple."]
    lines = [
        {"file_name": "ComfyUI_00001_.mp4", "prompt": words[0], "model": "a", "seed": 7},
        {"file_name": "output.mp4", "text": words[1], "source": "b"},
        {"file_name": "x.mp4", "prompt": words[0], "model": "b"},
    ]
    (made / "list.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    with_suite = run(made, videos=[made / "list.jsonl"], run=made / "one")
    assert not with_suite.strays
    found = {Path(each.uri).name: each for each in source_of(made / "one").videos}
    assert {name: (each.model, each.prompt) for name, each in found.items()} == {
        "ComfyUI_00001_.mp4": ("a", "ride_bicycle"), "output.mp4": ("b", "eat_apple"), "x.mp4": ("b", "ride_bicycle"),
    }  # fmt: skip
    assert found["ComfyUI_00001_.mp4"].sample == "7"
    without = run(made, videos=[made / "list.jsonl"], run=made / "two", prompts=None)
    assert without.prompts == 2
    assert {each.text for each in source_of(made / "two").videos} == set(words)


def test_a_run_without_prompts(made: Path) -> None:
    """Videos of one name are paired across models; what goes by words is undefined, with the reason."""
    result = run(made, prompts=None)
    assert not result.strays
    assert set(result.models) == {"a", "b"}
    videos = source_of(made / "run").videos
    assert {each.text for each in videos} == {""}
    both = [each.prompt for each in videos if Path(each.uri).stem == "ride_bicycle-0"]
    assert len(set(both)) == 1
