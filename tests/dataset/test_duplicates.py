"""hoigen duplicates: which clip of a group stays, that it is explained, and what is refused."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import numpy as np
import pytest
import yaml
from test_near import MIRROR, noisy, sequence, text

from hoigen.commands.cli import main
from hoigen.commands.duplicates import duplicates
from hoigen.core.errors import UsageError
from hoigen.core.score import Rule
from hoigen.data.files import write_text
from hoigen.data.run import Run
from hoigen.dataset import embedded, near
from hoigen.rules import decide
from hoigen.rules.cascade import Known
from hoigen.rules.runfile import steps_of
from run_folders import Given, step, write_run

PRINT = "0" * 12
ONE, OTHER = sequence(1, 8), sequence(2, 8)
CLIPS: dict[str, tuple[float, float, np.ndarray]] = {  # id -> short side, motion, hashes
    "small": (360, 0.5, ONE),
    "large": (1080, 0.5, noisy(ONE, 2, 1)),
    "turned": (720, 0.5, noisy(ONE, 2, 2) ^ np.uint64(MIRROR)),
    "wild": (2160, 9.0, noisy(ONE, 2, 3)),
    "other": (720, 0.5, OTHER),
    "black": (720, 0.5, np.zeros(0, np.uint64)),
}


def made(folder: Path, *, hashed: bool = True) -> Run:
    names = ["metadata", "motion", *(["perceptual_hash"] if hashed else [])]
    steps = [
        step("metadata", "short_side", fingerprint=PRINT),
        step("motion", fingerprint=PRINT, motion=Rule(max=1)),
        step("perceptual_hash", "looks", fingerprint=PRINT),
    ][: len(names)]
    given = [
        Given(name, {"metadata": Known("ok", {"short_side": side}), "motion": Known("ok", {"motion": motion}),
                     "perceptual_hash": Known("ok", {"looks": float(len(hashes))})})
        for name, (side, motion, hashes) in CLIPS.items()
    ]  # fmt: skip
    run = write_run(folder, steps, [given[:3], given[3:]])
    if hashed:
        table = run.scores("perceptual_hash", PRINT, ["looks"])
        for shard in (0, 1):
            rows = table.read(shard)
            for row in rows:
                row["detail"] = json.dumps({"hashes": text(CLIPS[row["id"]][2])})
            table.write(shard, rows)
    measured = {
        one.name: {"sampling": {}, "numbers": [{"name": number.name} for number in one.numbers]} for one in steps
    }
    facts = {
        "fingerprints": dict.fromkeys(names, PRINT),
        "measured": measured,
        "recipe": {"videos": "x", "shard_size": 3, "measures": names, "keep": {"motion": {"max": 1}}},
    }
    write_text(run.recipe_file, yaml.safe_dump(facts))
    return run


def ends(run: Run, *sets: str) -> dict[str, str | None]:
    _, steps = steps_of(run, sets)
    rows = decide.connect(run, steps).execute("select id, coalesce(reason, '') from decided").fetchall()
    return dict(rows)


def embedded_run(folder: Path, vectors: dict[str, list[int] | None]) -> Run:
    """A run of clips with a vector of CLIP each; None: measured, without one."""
    steps = [
        step("metadata", "short_side", fingerprint=PRINT),
        step("background_consistency", fingerprint=PRINT),
    ]
    given = [
        Given(name, {"metadata": Known("ok", {"short_side": float(at)}),
                     "background_consistency": Known("ok", {"background_consistency": 0.9})})
        for at, name in enumerate(vectors)
    ]  # fmt: skip
    run = write_run(folder, steps, [given])
    table = run.scores("background_consistency", PRINT, ["background_consistency"])
    rows = table.read(0)
    for row in rows:
        vector = vectors[row["id"]]
        text = None if vector is None else base64.b64encode(np.array(vector, np.int8).tobytes()).decode()
        row["detail"] = json.dumps({"pairs": 3} | ({"embedding": text} if text else {}))
    table.write(0, rows)
    names = [one.name for one in steps]
    measured = {one.name: {"sampling": {}, "numbers": [{"name": n.name} for n in one.numbers]} for one in steps}
    recipe = {"videos": "x", "shard_size": 3, "measures": names}
    facts = {"fingerprints": dict.fromkeys(names, PRINT), "measured": measured, "recipe": recipe}
    write_text(run.recipe_file, yaml.safe_dump(facts))
    return run


def test_clips_that_a_network_sees_alike(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    vectors = {"a": [100, 0, 0], "b": [0, 100, 0], "none": None, "near_a": [99, 14, 0], "c": [0, 0, -100]}
    run = embedded_run(tmp_path, vectors)
    command = ["duplicates", str(run.path), "--by", "background_consistency"]
    assert main(command) == 2
    assert "--alike must be given, the cosine" in capsys.readouterr().err
    assert main([*command, "--alike", "0.98"]) == 0
    said = capsys.readouterr().out
    assert "4 clips compared: 1 group, 2 clips in them, by background_consistency; one of each group stays" in said
    assert "1 clip has no vector" in said
    assert ends(run) == {
        "a": "near_duplicates: 0.99 like near_a; of 2 alike, near_a stays (short_side, place in the list)",
        "b": "", "none": "", "near_a": "", "c": "",
    }  # fmt: skip
    assert main([*command, "--alike", "0.995"]) == 0
    assert set(ends(run).values()) == {""}, "their cosine is 0.990"


def test_groups_are_those_of_all_pairs_whatever_block_they_are_in(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embedded, "BLOCK", 3)
    vectors = np.random.default_rng(0).normal(size=(23, 3)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    cosines = vectors @ vectors.T
    first, second = np.nonzero(np.triu(cosines >= 0.5, 1))
    every = near.Pairs(first, second, cosines[first, second], np.zeros(len(first), bool))
    found = embedded.pairs_of(vectors, 0.5)
    wanted = list(near.groups(every))
    assert len(every) > len(wanted) > 10
    assert [(each.clip, each.group) for each in near.groups(found)] == [(each.clip, each.group) for each in wanted]
    assert found.alike == pytest.approx([cosines[a, b] for a, b in zip(found.first, found.second, strict=True)])
    assert len(embedded.pairs_of(np.ones((50, 1), np.float32), 0.5)) == 49, "no square of a group"


def test_vectors_that_are_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    by = {"by": "background_consistency", "alike": 0.9}
    with pytest.raises(UsageError, match="no clip has a vector of background_consistency, which earlier versions did"):
        duplicates(embedded_run(tmp_path / "old", {"a": None, "b": None}).path, **by)  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="has no vectors of background_consistency: add background_consistency to its"):
        duplicates(made(tmp_path / "other").path, **by)  # type: ignore[arg-type]
    monkeypatch.setattr(embedded, "MOST", 1)
    with pytest.raises(UsageError, match="2 clips; all are held against all, which is done up to 1"):
        duplicates(embedded_run(tmp_path / "many", {"a": [1, 0], "b": [0, 1]}).path, **by)  # type: ignore[arg-type]
    wrong = embedded_run(tmp_path / "wrong", {"a": [1, 0], "b": [0, 1, 1]})
    monkeypatch.undo()
    with pytest.raises(UsageError, match="background_consistency: embedding: vectors of one length"):
        duplicates(wrong.path, **by)  # type: ignore[arg-type]


def test_one_of_a_group_stays_and_the_others_say_which(tmp_path: Path) -> None:
    run = made(tmp_path)
    found = duplicates(run.path).found
    assert found is not None
    assert (found.compared, found.blank, found.groups, found.members, found.mirrored) == (5, 1, 1, 4, 1)
    reasons = ends(run)
    assert (reasons["large"], reasons["other"], reasons["black"]) == ("", "", "")
    assert reasons["wild"] == "motion 9 > max 1", "the greatest, but dropped before"
    assert "of 3 alike, large stays (short_side, place in the list)" in str(reasons["small"])
    assert ", mirrored;" in str(reasons["turned"])


def test_a_threshold_that_changes_changes_who_stays(tmp_path: Path) -> None:
    run = made(tmp_path)
    duplicates(run.path)
    reasons = ends(run, "keep.motion.max=null")
    assert reasons["wild"] == ""
    assert "of 4 alike, wild stays" in str(reasons["large"])


def test_who_stays_can_be_chosen(tmp_path: Path) -> None:
    run = made(tmp_path)
    duplicates(run.path, prefer="motion")
    reasons = ends(run)
    assert reasons["small"] == "", "of equal motion the first in the list"
    assert "small stays (motion, place in the list)" in str(reasons["large"])


def test_the_rule_can_be_taken_out(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = made(tmp_path)
    before = ends(run)
    assert main(["duplicates", str(run.path)]) == 0
    assert "near_duplicates" in capsys.readouterr().out
    assert ends(run) != before
    assert main(["duplicates", str(run.path), "--off"]) == 0
    assert ends(run) == before


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ({"alike": 0.0}, "--alike: more than 0, at most 1; it came as 0"),
        ({"alike": 1.5}, "--alike: more than 0, at most 1; it came as 1.5"),
        ({"prefer": "motoin"}, "--prefer motoin: no number of this run.*motion"),
        ({"prefer": "motion,motion"}, "stands there twice"),
    ],
)
def test_bad_input_writes_nothing(tmp_path: Path, words: dict[str, object], said: str) -> None:
    run = made(tmp_path)
    with pytest.raises(UsageError, match=said):
        duplicates(run.path, **words)  # type: ignore[arg-type]
    assert not (run.path / "sets").exists()


def test_a_run_without_hashes_says_how_to_get_them(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="has no perceptual hashes: add perceptual_hash to its measures"):
        duplicates(made(tmp_path, hashed=False).path)
