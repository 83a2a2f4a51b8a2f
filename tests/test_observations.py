"""Observers look once; measures are read off what they saw, with nothing decoded and no model loaded."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import duckdb
import pyarrow.parquet as pq
import pytest
import yaml

import hoigen
from hoigen.core.errors import UsageError
from hoigen.core.registry import measure_names
from hoigen.data.files import Folder
from hoigen.data.parquet import Lookup
from hoigen.data.run import Run
from hoigen.data.tables import Table
from hoigen.rules.cascade import build_steps
from hoigen.rules.runfile import steps_of
from hoigen.stages import scores as scores_stage
from hoigen.stages.reworded import goes_by_prompt
from hoigen.stages.scores import planned
from render import counting, render

LOOKS = '''
"""How bright frames are, looked at by an observer and decided on by a measure."""
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hoigen import Sampling, Score, measure
from hoigen.observe.frame import Detection, ObservedFrame
from hoigen.observe.observation import About, Looking
from hoigen.core.registry import observer


def note(folder, what, file="looks.log"):
    with (Path(folder) / file).open("a") as log:
        log.write(f"{what}\\n")


class Watching:
    def __init__(self, settings, clip):
        self.settings, self.clip, self.frames = settings, clip, []

    def see(self, image, time):
        self.frames.append(
            ObservedFrame(
                time=time,
                size=(image.shape[1], image.shape[0]),
                boxes=[Detection(label="light", score=float(image.mean()) / 255, box=(0.0, 0.0, 1.0, 1.0))],
            )
        )

    def finish(self):
        note(self.settings.folder, f"looked {self.settings.question(self.clip)}".strip())
        if self.clip.uri.endswith(self.settings.broken):
            raise RuntimeError("cannot look at this one")
        return self.frames


@observer("fake_light")
class FakeLight:
    """Brightness of frames as the score of a box."""

    folder: str
    asks: bool = False
    broken: str = "never"
    gives = frozenset({"boxes"})
    sees = True

    @property
    def identity(self) -> Mapping[str, Any]:
        return {"asks": self.asks}

    @property
    def about(self) -> About:
        return About(observer="fake_light")

    def load(self) -> None:
        note(self.folder, "loaded")

    def question(self, clip) -> str:
        return str(clip.meta.get("verb") or "") if self.asks else ""

    def begin(self, clip, sampling):
        return Watching(self, clip)


@measure("bright")
class Bright:
    """Share of frames brighter than theta, 0..1; more is better."""

    folder: str
    theta: float = 0.01
    asks: bool = False
    broken: str = "never"
    unread: str = "never"

    @property
    def identity(self) -> Mapping[str, Any]:
        return {"theta": self.theta}

    @property
    def looking(self) -> Looking:
        light = FakeLight(folder=self.folder, asks=self.asks, broken=self.broken)
        return Looking(light, Sampling(frames=4, short_side=48))

    def read(self, clip, seen) -> Score:
        note(self.folder, Path(clip.uri).name, "reads.log")
        if clip.uri.endswith(self.unread):
            raise RuntimeError("cannot be read")
        above = [frame.boxes[0].score > self.theta for frame in seen.frames]
        return Score(sum(above) / len(above), {"verb": clip.meta.get("verb")})
'''


@pytest.fixture
def videos(tmp_path: Path) -> list[Path]:
    folder = tmp_path / "videos"
    folder.mkdir()
    return [render(folder / f"{number}.mp4", counting(50)[number:]) for number in range(3)]


def recipe(folder: Path, videos: Path, **settings: Any) -> dict[str, Any]:
    (folder / "bright.py").write_text(LOOKS)
    mine = {"folder": str(folder), **settings}
    return {
        "videos": videos, "run": folder / "run", "shots": "none", "min_length": 0, "workers": 1, "report": False,
        "measures": [{"./bright.py": mine}], "beside": folder, "quiet": True, "score_all": True,
        "trust": [folder / "bright.py"],
    }  # fmt: skip


def looks(folder: Path) -> list[str]:
    log = folder / "looks.log"
    return [line for line in log.read_text().splitlines() if line.startswith("looked")] if log.exists() else []


def scores(folder: Path, name: str = "bright") -> dict[str, float | None]:
    run = Run(folder / "run")
    steps = steps_of(run)[1]
    [step] = [step for step in steps if step.name == name]
    rows = run.scores(step.name, step.fingerprint, step.emits)
    ids = {row["id"]: Path(row["uri"]).name for shard in run.clips.shards() for row in run.clips.read(shard)}
    return {ids[row["id"]]: row[name] for shard in rows.shards() for row in rows.read(shard)}


def test_another_theta_decodes_and_loads_nothing(tmp_path: Path, videos: list[Path]) -> None:
    (tmp_path / "list.csv").write_text("\n".join(["uri", *map(str, videos)]))
    given = recipe(tmp_path, tmp_path / "list.csv")
    hoigen.curate(**given)
    assert looks(tmp_path) == ["looked"] * 3
    assert set(scores(tmp_path).values()) != {0.0}
    for video in videos:
        video.unlink()
    (tmp_path / "looks.log").unlink()
    hoigen.curate(**{**given, "measures": [{"./bright.py": {"folder": str(tmp_path), "theta": 0.99}}]})
    assert not (tmp_path / "looks.log").exists(), "neither loaded nor looked"
    assert list(scores(tmp_path).values()) == [0.0] * 3


def test_what_is_read_is_planned_once(tmp_path: Path, videos: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    given = recipe(tmp_path, videos[0].parent)
    hoigen.curate(**given)
    planned_shards = []
    real = scores_stage.known_in

    def known_in(parts: Any, steps: Any, shard: int, journalled: Any) -> Any:
        planned_shards.append(shard)
        return real(parts, steps, shard, journalled)

    monkeypatch.setattr(scores_stage, "known_in", known_in)
    funnel = hoigen.curate(**{**given, "measures": [{"./bright.py": {"folder": str(tmp_path), "theta": 0.99}}]})
    assert (planned_shards, funnel.counts["kept"]) == ([0], 3)


def test_a_score_that_cannot_be_read_is_not_tried_again_by_the_rest_of_the_run(
    tmp_path: Path, videos: list[Path]
) -> None:
    given = recipe(tmp_path, videos[0].parent, broken="1.mp4")
    hoigen.curate(**given)  # of the second one nothing is seen: it is looked at each time
    settings = {"folder": str(tmp_path), "theta": 0.99, "broken": "1.mp4", "unread": "0.mp4"}
    hoigen.curate(**{**given, "measures": [{"./bright.py": settings}]})
    (tmp_path / "reads.log").unlink()
    funnel = hoigen.retry(tmp_path / "run", quiet=True)
    assert funnel.counts["failed"] == 2
    assert (tmp_path / "reads.log").read_text().split() == ["0.mp4"] * 2, "twice, and no further"


def test_what_was_seen_is_a_row_of_the_run(tmp_path: Path, videos: list[Path]) -> None:
    given = recipe(tmp_path, videos[0].parent)
    hoigen.curate(**given)
    run = Run(tmp_path / "run")
    tables = list((run.path / "observations" / "fake_light").iterdir())
    assert len(tables) == 1
    rows = duckdb.connect().sql(f"select id, question, frames from '{tables[0]}/*.parquet'").fetchall()
    assert len(rows) == 3
    assert [len(json.loads(frames)) for _, _, frames in rows] == [4] * 3
    assert {row["id"] for row in run.clips.read(0)} == {id_ for id_, _, _ in rows}


def test_new_words_alone_are_looked_for(tmp_path: Path, videos: list[Path]) -> None:
    def listed(verbs: Mapping[str, str]) -> Path:
        lines = [f"{video},{verbs[video.name]}" for video in videos]
        (tmp_path / "list.csv").write_text("\n".join(["uri,verb", *lines]))
        return tmp_path / "list.csv"

    given = recipe(tmp_path, listed({"0.mp4": "ride", "1.mp4": "hold", "2.mp4": ""}), asks=True)
    hoigen.curate(**given)
    assert sorted(looks(tmp_path)) == ["looked", "looked hold", "looked ride"]
    run = Run(tmp_path / "run")
    for shard in run.clips.shards():  # the prompts of two videos say something else now
        rows = run.clips.read(shard)
        new = {"0.mp4": "carry", "2.mp4": "hold"}
        rows = [row | {"meta": json.dumps({"verb": new.get(Path(row["uri"]).name, "hold")})} for row in rows]
        run.clips.write(shard, rows, run.clips.facts_of(shard))
    (tmp_path / "looks.log").unlink()
    hoigen.curate(**{**given, "measures": [{"./bright.py": {"folder": str(tmp_path), "asks": True, "theta": 0.1}}]})
    # of the third one there is a look without words, which holds for any
    assert looks(tmp_path) == ["looked carry"]


def test_the_hoi_scores_go_by_the_prompt_and_others_do_not() -> None:
    named = {name for name in measure_names() if goes_by_prompt(name)}
    assert named == {"coarse_hoi", "fine_hoi", "hoi_act", "hoi_failures", "hoi_judge"}
    assert goes_by_prompt("of_my_own"), "nobody knows: it is made anew"


def test_a_look_that_fails_fails_its_measure_alone(tmp_path: Path, videos: list[Path]) -> None:
    given = recipe(tmp_path, videos[0].parent, broken="1.mp4")
    funnel = hoigen.curate(**{**given, "measures": ["metadata", *given["measures"]]})
    assert (funnel.clips, funnel.counts.get("failed")) == (3, 1)
    assert [name for name, value in scores(tmp_path).items() if value is None] == ["1.mp4"]
    assert looks(tmp_path) == ["looked"] * 4, "tried once more"
    run = Run(tmp_path / "run")
    [where] = (run.path / "observations" / "fake_light").iterdir()
    assert duckdb.connect().sql(f"select count(*) from '{where}/*.parquet'").fetchall() == [(2,)], (
        "what failed is not written"
    )


@pytest.mark.parametrize("theta", [0.01, 0.99])
def test_a_journal_of_a_run_cut_short_counts(tmp_path: Path, videos: list[Path], theta: float) -> None:
    given = recipe(tmp_path, videos[0].parent)
    hoigen.curate(**given)
    run = Run(tmp_path / "run")
    [step] = steps_of(run)[1]
    table = run.observations("fake_light", step.observation)
    rows = table.read(0)
    facts = {"observer": "fake_light", "observation": step.observation}
    journal = run.journal("scores", 0)
    for row in rows:  # as if it had been killed before the shard was complete
        journal.append(facts | row)
    journal.close()
    for folder in ("observations", "scores"):
        for part in (run.path / folder).rglob("*.parquet"):
            part.unlink()
    (tmp_path / "looks.log").unlink()
    told = planned(run, build_steps([{str(tmp_path / "bright.py"): {"folder": str(tmp_path)}}], {}), 3, score_all=True)
    assert (told.read, told.decoded) == (3, 0), "the journal counts"
    hoigen.curate(**{**given, "measures": [{"./bright.py": {"folder": str(tmp_path), "theta": theta}}]})
    assert looks(tmp_path) == []
    assert {row["id"]: row for row in table.read(0)} == {row["id"]: row for row in rows}
    assert len(scores(tmp_path)) == 3


def test_a_run_of_before_declarations_is_read_by_its_own_fingerprints(tmp_path: Path, tiny_video: Path) -> None:
    run = tmp_path / "run"
    hoigen.curate(tiny_video, run, shots="none", measures=["metadata", "hoi_lite"], workers=1, report=False, quiet=True)
    facts = yaml.safe_load((run / "run.yaml").read_text())
    now, before = facts["fingerprints"]["hoi_lite"], "0123456789ab"
    (run / "scores" / "hoi_lite" / now).rename(run / "scores" / "hoi_lite" / before)
    del facts["measured"], facts["observations"]
    facts["fingerprints"]["hoi_lite"] = before
    facts["recipe"]["measures"] = ["metadata", {"hoi_lite": {"of_an_earlier_version": 1}}]
    (run / "run.yaml").write_text(yaml.safe_dump(facts))
    assert hoigen.funnel(run).counts["kept"] == 1
    hoigen.table(str(run), out=str(tmp_path / "clips.parquet"))  # type: ignore[arg-type]
    [[score]] = duckdb.connect().sql(f"select hoi_lite from '{tmp_path}/clips.parquet'").fetchall()
    assert score is not None


def test_an_observer_gives_what_a_frame_has() -> None:
    from hoigen.observe.observation import observer_of

    class FakeOdd:
        name = "fake_odd"
        gives = frozenset({"persons", "objects"})

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("hoigen.recipe.build.make", lambda *given: FakeOdd())
        with pytest.raises(UsageError, match=r"fake_odd gives 'objects', which is no field of ObservedFrame"):
            observer_of("fake_odd", "fine_hoi", [("persons", "things")], "lite")


def test_rows_are_added_in_small_groups_and_found_by_key(tmp_path: Path) -> None:
    table = Table("of a test", Folder(str(tmp_path)), {"id": "string", "question": "string", "frames": "string"})

    def rows(numbers: range, words: str) -> list[dict[str, str]]:
        return [{"id": f"{number}", "question": "", "frames": words} for number in numbers]

    table.add(3, rows(range(200), "old"), ("id", "question"))
    table.add(3, [*rows(range(100, 300), "new"), *rows(range(100, 110), "too late")], ("id", "question"))
    assert len(table.read(3)) == 300
    with table.lookup(3, ("id", "question")) as found:
        assert isinstance(found, Lookup)
        assert [found[str(number), ""]["frames"] for number in (0, 99, 100, 299)] == ["old", "old", "new", "new"]
        assert found["5", ""]["frames"] == "old", "groups may be read in any order"
        assert ("300", "") not in found
        assert (found.any("299"), found.any("300"), found.any("")) == (True, False, False)
    with table.lookup(4, ("id", "question")) as nothing:
        assert ("0", "") not in nothing
        assert not nothing.any("0")
    table.add(5, rows(range(3), "x" * (3 << 20)), ("id", "question"))
    assert [groups_of(tmp_path, shard) for shard in (3, 5)] == [
        [64, 64, 64, 8, 64, 36],  # what is new, then what stays of each old group
        [2, 1],  # of megabytes each
    ]


def groups_of(folder: Path, shard: int) -> list[int]:
    part = pq.ParquetFile(folder / f"{shard:05d}.parquet")
    return [part.metadata.row_group(number).num_rows for number in range(part.num_row_groups)]
